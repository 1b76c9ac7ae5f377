#include "actors/bin/bench_requests.hpp"

#include <algorithm>
#include <memory>

namespace troupe::cli {
namespace {

using clock = bench_probe::clock;
constexpr std::chrono::minutes patience{10};

double seconds(clock::duration d) { return std::chrono::duration<double>(d).count(); }

}  // namespace

bench_requests::bench_requests(generation_service& service, std::uint32_t vocabulary)
    : service_(service), token_(0, static_cast<token_id>(std::max(vocabulary, 1U) - 1)) {}

result<double> bench_requests::prefill(std::uint32_t prompt_tokens) {
  const auto start = clock::now();
  const auto times = run(1, prompt_tokens, 1);
  if (!times) return fail(times.error());
  return prompt_tokens / seconds(times->front().back() - start);
}

result<double> bench_requests::decode(std::uint32_t streams, std::uint32_t prompt_tokens,
                                      std::uint32_t tokens) {
  const auto times = run(streams, prompt_tokens, tokens);
  if (!times) return fail(times.error());
  auto begin = clock::time_point::min();
  auto end = clock::time_point::max();
  for (const auto& stream : *times) {
    begin = std::max(begin, stream.front());
    end = std::min(end, stream.back());
  }
  std::size_t counted = 0;
  for (const auto& stream : *times)
    counted += static_cast<std::size_t>(
        std::count_if(stream.begin(), stream.end(), [&](auto t) { return t > begin && t <= end; }));
  return end > begin ? static_cast<double>(counted) / seconds(end - begin) : 0;
}

result<bench_requests::probes> bench_requests::submit(std::uint32_t streams,
                                                      std::uint32_t prompt_tokens,
                                                      std::uint32_t tokens) {
  probes all;
  for (std::uint32_t i = 0; i < streams; ++i) {
    generation_request request;
    for (std::uint32_t t = 0; t < prompt_tokens; ++t) request.prompt.push_back(token_(random_));
    request.sampling.temperature = 0;
    request.max_tokens = tokens;
    request.ignore_eos = true;
    all.push_back(std::make_shared<bench_probe>());
    const auto id = service_.submit(std::move(request), all.back());
    if (!id) return fail(id.error());
  }
  return all;
}

result<bench_requests::stream_times> bench_requests::run(std::uint32_t streams,
                                                         std::uint32_t prompt_tokens,
                                                         std::uint32_t tokens) {
  const auto asked = submit(streams, prompt_tokens, tokens);
  if (!asked) return fail(asked.error());
  stream_times all;
  const auto deadline = clock::now() + patience;
  for (const auto& probe : *asked) {
    auto times = probe->wait(deadline);
    if (!times) return fail(times.error());
    if (times->empty()) return fail(errc::internal, "a benchmark request drew no token");
    all.push_back(std::move(*times));
  }
  return all;
}

}  // namespace troupe::cli
