#include <algorithm>
#include <cmath>
#include <utility>

#include "kernels/api/sample.hpp"
#include "runtime/wire/frames.hpp"
#include "runtime/wire/step_frames.hpp"

namespace troupe {
namespace {

constexpr std::size_t pair_bytes = sizeof(token_id) + sizeof(float);
/// Bytes of a log-probability without alternatives.
constexpr std::size_t logprob_bytes = sizeof(float) + sizeof(std::uint32_t);
constexpr std::size_t fixed_bytes = preamble_bytes + 32;
constexpr std::size_t longest_message = 1000;

std::size_t bytes_of(const token_logprob& from) {
  return logprob_bytes + from.top.size() * pair_bytes;
}

void put_logprob(byte_writer& to, const token_logprob& from) {
  to.put(from.logprob);
  to.put_count(from.top.size());
  for (const auto& [token, logprob] : from.top) {
    to.put(token);
    to.put(logprob);
  }
}

token_id get_token(byte_reader& from, const step_bounds& bounds) {
  const auto token = from.get<token_id>("token");
  if (static_cast<std::uint32_t>(token) >= bounds.vocab)
    from.refuse(errc::out_of_range, "token {} of {}", token, bounds.vocab);
  return token;
}

token_logprob get_logprob(byte_reader& from, const step_bounds& bounds) {
  token_logprob out;
  out.logprob = from.get<float>("logprob");
  const std::uint32_t top = from.get_count("alternatives", pair_bytes, kernels::max_top_logprobs);
  out.top.reserve(top);
  for (std::uint32_t k = 0; k < top; ++k) {
    const token_id token = get_token(from, bounds);
    out.top.emplace_back(token, from.get<float>("logprob"));
  }
  return out;
}

/// One line of printable characters.
std::string made_plain(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return c < ' ' || c > '~'; }, '?');
  return text;
}

errc get_code(byte_reader& from) {
  const auto code = from.get<std::uint8_t>("error code");
  if (code >= static_cast<std::uint8_t>(errc::invalid_argument) &&
      code <= static_cast<std::uint8_t>(errc::internal)) {
    return static_cast<errc>(code);
  }
  from.refuse(errc::corrupt, "error code {}", code);
  return errc::internal;
}

}  // namespace

std::vector<std::byte> encode_step_result(const step_result& result) {
  std::size_t bytes = fixed_bytes;
  for (const sampled_token& s : result.samples) bytes += sizeof(token_id) + bytes_of(s.logprob);
  for (const token_logprob& s : result.scores) bytes += bytes_of(s);
  byte_writer to(bytes);
  put_preamble(to, result.epoch);
  to.put(result.id);
  to.put(result.device_seconds);
  to.put_count(result.samples.size());
  for (const sampled_token& s : result.samples) {
    to.put(s.token);
    put_logprob(to, s.logprob);
  }
  to.put_count(result.scores.size());
  for (const token_logprob& s : result.scores) put_logprob(to, s);
  return to.take();
}

result<step_result> decode_step_result(std::span<const std::byte> header,
                                       const step_bounds& bounds) {
  byte_reader from(header, "step result");
  step_result out;
  out.epoch = get_preamble(from);
  out.id = from.get<step_id>("step");
  out.device_seconds = from.get<double>("device seconds");
  if (!std::isfinite(out.device_seconds) || out.device_seconds < 0)
    from.refuse(errc::corrupt, "device seconds: {}", out.device_seconds);
  const std::uint32_t samples =
      from.get_count("samples", sizeof(token_id) + logprob_bytes, bounds.rows);
  out.samples.reserve(samples);
  for (std::uint32_t i = 0; i < samples && from.ok(); ++i) {
    const token_id token = get_token(from, bounds);
    out.samples.push_back({token, get_logprob(from, bounds)});
  }
  const std::uint32_t scores = from.get_count("scores", logprob_bytes, bounds.rows);
  out.scores.reserve(scores);
  for (std::uint32_t i = 0; i < scores && from.ok(); ++i)
    out.scores.push_back(get_logprob(from, bounds));
  if (auto done = from.finish(); !done) return fail(std::move(done.error()));
  return out;
}

bool answers(const step_result& result, const step_plan& plan) {
  return result.id == plan.id && result.epoch == plan.epoch &&
         result.samples.size() == plan.samples.size() && result.scores.size() == plan.scores.size();
}

std::vector<std::byte> encode_step_failure(const failed_step& failure) {
  const std::string message = made_plain(failure.why.message().substr(0, longest_message));
  byte_writer to(fixed_bytes + message.size());
  put_preamble(to, failure.epoch);
  to.put(failure.step);
  to.put(static_cast<std::uint8_t>(failure.why.code()));
  to.put_text(message);
  return to.take();
}

result<failed_step> decode_step_failure(std::span<const std::byte> header) {
  byte_reader from(header, "step failure");
  failed_step out;
  out.epoch = get_preamble(from);
  out.step = from.get<step_id>("step");
  const errc code = get_code(from);
  out.why = error(code, made_plain(from.get_text("message", longest_message)));
  if (auto done = from.finish(); !done) return fail(std::move(done.error()));
  return out;
}

}  // namespace troupe
