#include "actors/bin/bench_speculation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <memory>

#include "actors/bin/answer.hpp"
#include "actors/bin/bench_probe.hpp"
#include "actors/bin/bench_texts.hpp"
#include "actors/bin/median.hpp"
#include "actors/bin/table.hpp"

namespace troupe::cli {
namespace {

using clock = bench_probe::clock;
using prompts = std::vector<std::vector<token_id>>;
constexpr std::chrono::minutes patience{10};

/// Keeps the tokens beside their times.
class token_probe final : public bench_probe {
 public:
  void on_tokens(std::span<const token_event> events) override {
    for (const token_event& event : events)
      if (event.token >= 0) tokens.push_back(event.token);
    bench_probe::on_tokens(events);
  }
  std::vector<token_id> tokens;  ///< whole once wait() has returned
};

struct measured {
  double tokens_per_second = 0;
  std::vector<std::vector<token_id>> answers;
};

/// The rate counts from the last first token on: prompts are not measured.
result<measured> write_answers(generation_service& service, const served_model& model,
                               const prompts& asked, bool speculate, std::uint32_t tokens) {
  std::vector<std::shared_ptr<token_probe>> probes;
  for (const auto& prompt : asked) {
    generation_request request;
    request.prompt = prompt;
    request.sampling.temperature = 0;
    request.max_tokens = tokens;
    request.stop_tokens = model.files->config().eos;
    request.speculate = speculate;
    probes.push_back(std::make_shared<token_probe>());
    if (const auto id = service.submit(std::move(request), probes.back()); !id)
      return fail(id.error());
  }
  measured out;
  std::vector<std::vector<clock::time_point>> all;
  auto begin = clock::time_point::min();
  auto end = clock::time_point::min();
  const auto deadline = clock::now() + patience;
  for (const auto& probe : probes) {
    const auto times = probe->wait(deadline);
    if (!times) return fail(times.error());
    if (times->empty()) return fail(errc::internal, "a benchmark request drew no token");
    begin = std::max(begin, times->front());
    end = std::max(end, times->back());
    all.push_back(*times);
    out.answers.push_back(probe->tokens);
  }
  std::size_t counted = 0;
  for (const auto& times : all)
    counted +=
        static_cast<std::size_t>(std::ranges::count_if(times, [&](auto t) { return t > begin; }));
  const double seconds = std::chrono::duration<double>(end - begin).count();
  out.tokens_per_second = seconds > 0 ? static_cast<double>(counted) / seconds : 0;
  return out;
}

result<speculation_line> measure(generation_service& service, const served_model& model,
                                 std::string kind, const prompts& asked,
                                 const speculation_bench_options& options) {
  speculation_line line;
  line.kind = std::move(kind);
  line.streams = static_cast<std::uint32_t>(asked.size());
  const engine_stats before = service.stats();
  for (std::uint32_t i = 0; i < options.repetitions; ++i) {
    const auto off = write_answers(service, model, asked, false, options.decode_tokens);
    if (!off) return fail(off.error());
    const auto on = write_answers(service, model, asked, true, options.decode_tokens);
    if (!on) return fail(on.error());
    if (off->answers != on->answers)
      return fail(errc::internal, "text '{}': the answer with guesses differs from the one without",
                  line.kind);
    line.off.push_back(off->tokens_per_second);
    line.on.push_back(on->tokens_per_second);
    line.tokens = 0;
    for (const auto& answer : on->answers) line.tokens += answer.size();
  }
  const engine_stats after = service.stats();
  line.drafted = after.drafted_tokens - before.drafted_tokens;
  line.accepted = after.accepted_tokens - before.accepted_tokens;
  return line;
}

}  // namespace

double speculation_line::off_rate() const { return median(off); }
double speculation_line::on_rate() const { return median(on); }

result<std::vector<speculation_line>> run_speculation_bench(
    generation_service& service, const served_model& model,
    const speculation_bench_options& options, const bench_progress& progress) {
  prompts all;
  for (const bench_text& text : bench_texts()) {
    if (model.chat == nullptr) {
      all.push_back(model.tokens->encode(text.ask));
      continue;
    }
    auto prompt =
        chat_prompt(model, {boost::json::object{{"role", "user"}, {"content", text.ask}}});
    if (!prompt) return fail(prompt.error());
    all.push_back(std::move(*prompt));
  }
  // Once beforehand: later every prompt comes from the prefix cache, and only writing is measured.
  if (auto warm = write_answers(service, model, all, true, 16); !warm) return fail(warm.error());
  std::vector<speculation_line> lines;
  const double parts = static_cast<double>(all.size()) + 1;
  for (std::size_t i = 0; i <= all.size(); ++i) {
    const bool alone = i < all.size();
    const std::string kind(alone ? bench_texts()[i].kind : "all");
    progress(kind, static_cast<double>(i) / parts);
    auto line = measure(service, model, kind, alone ? prompts{all[i]} : all, options);
    if (!line) return fail(line.error());
    lines.push_back(std::move(*line));
  }
  return lines;
}

std::string to_text(const std::vector<speculation_line>& lines) {
  std::vector<std::vector<std::string>> rows{
      {"text", "streams", "tokens/s off", "on", "ratio", "guessed", "right"}};
  for (const speculation_line& line : lines) {
    const double off = line.off_rate();
    const auto share = [&](std::uint64_t part, std::uint64_t whole) {
      if (whole == 0) return std::string("-");
      return fmt::format("{:.1f} %",
                         100.0 * static_cast<double>(part) / static_cast<double>(whole));
    };
    rows.push_back({line.kind, std::to_string(line.streams), fmt::format("{:.1f}", off),
                    fmt::format("{:.1f}", line.on_rate()),
                    off > 0 ? fmt::format("{:.2f}", line.on_rate() / off) : "-",
                    std::to_string(line.drafted), share(line.accepted, line.drafted)});
  }
  return align(rows, true);
}

boost::json::array to_json(const std::vector<speculation_line>& lines) {
  boost::json::array out;
  for (const speculation_line& line : lines)
    out.push_back(boost::json::object{{"text", line.kind},
                                      {"streams", line.streams},
                                      {"tokens", line.tokens},
                                      {"off", boost::json::array(line.off.begin(), line.off.end())},
                                      {"on", boost::json::array(line.on.begin(), line.on.end())},
                                      {"drafted", line.drafted},
                                      {"accepted", line.accepted}});
  return out;
}

}  // namespace troupe::cli
