#include <utility>

#include "runtime/wire/fields.hpp"
#include "runtime/wire/frames.hpp"
#include "runtime/wire/step_frames.hpp"

namespace troupe {
namespace {

constexpr std::size_t fixed_bytes = preamble_bytes + 32;

}  // namespace

std::vector<std::byte> encode_step_result(const step_result& result) {
  std::size_t bytes = fixed_bytes;
  for (const sampled_token& s : result.samples)
    bytes += sizeof(token_id) + wire::bytes_of(s.logprob);
  for (const token_logprob& s : result.scores) bytes += wire::bytes_of(s);
  byte_writer to(bytes);
  put_preamble(to, result.epoch);
  to.put(result.id);
  to.put(result.device_seconds);
  to.put_count(result.samples.size());
  for (const sampled_token& s : result.samples) {
    to.put(s.token);
    wire::put_logprob(to, s.logprob);
  }
  to.put_count(result.scores.size());
  for (const token_logprob& s : result.scores) wire::put_logprob(to, s);
  return to.take();
}

result<step_result> decode_step_result(std::span<const std::byte> header,
                                       const step_bounds& bounds) {
  byte_reader from(header, "step result");
  step_result out;
  out.epoch = get_preamble(from);
  out.id = from.get<step_id>("step");
  out.device_seconds = wire::get_seconds(from, "device seconds");
  const std::uint32_t samples =
      from.get_count("samples", sizeof(token_id) + wire::logprob_bytes, bounds.rows);
  out.samples.reserve(samples);
  for (std::uint32_t i = 0; i < samples && from.ok(); ++i) {
    const token_id token = wire::get_token(from, bounds.vocab);
    out.samples.push_back({token, wire::get_logprob(from, bounds.vocab)});
  }
  const std::uint32_t scores = from.get_count("scores", wire::logprob_bytes, bounds.rows);
  out.scores.reserve(scores);
  for (std::uint32_t i = 0; i < scores && from.ok(); ++i)
    out.scores.push_back(wire::get_logprob(from, bounds.vocab));
  if (auto done = from.finish(); !done) return fail(std::move(done.error()));
  return out;
}

bool answers(const step_result& result, const step_plan& plan) {
  return result.id == plan.id && result.epoch == plan.epoch &&
         result.samples.size() == plan.samples.size() && result.scores.size() == plan.scores.size();
}

std::vector<std::byte> encode_step_failure(const failed_step& failure) {
  byte_writer to(fixed_bytes + failure.why.message().size());
  put_preamble(to, failure.epoch);
  to.put(failure.step);
  wire::put_error(to, failure.why);
  return to.take();
}

result<failed_step> decode_step_failure(std::span<const std::byte> header) {
  byte_reader from(header, "step failure");
  failed_step out;
  out.epoch = get_preamble(from);
  out.step = from.get<step_id>("step");
  out.why = wire::get_error(from);
  if (auto done = from.finish(); !done) return fail(std::move(done.error()));
  return out;
}

}  // namespace troupe
