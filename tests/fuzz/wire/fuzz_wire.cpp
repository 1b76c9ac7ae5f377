#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

#include "runtime/wire/answer_frames.hpp"
#include "runtime/wire/expert_frames.hpp"
#include "runtime/wire/frames.hpp"
#include "runtime/wire/key_frames.hpp"
#include "runtime/wire/kv_frames.hpp"
#include "runtime/wire/load_frames.hpp"
#include "runtime/wire/step_frames.hpp"
#include "runtime/wire/traffic.hpp"
#include "runtime/wire/weights_frames.hpp"

namespace {
using namespace troupe;

/// A header either decodes to what encodes to bytes that decode to the same bytes again, or is
/// refused in one line.
template <class Decode, class Encode>
void check(std::span<const std::byte> header, const Decode& decode, const Encode& encode) {
  const auto value = decode(header);
  if (!value) {
    if (value.error().message().empty() || value.error().message().find('\n') != std::string::npos)
      std::abort();
    return;
  }
  if (!epoch_of(header)) std::abort();
  const std::vector<std::byte> once = encode(*value);
  const auto again = decode(std::span<const std::byte>(once));
  if (!again || encode(*again) != once) std::abort();
}

/// What kernels would read out of bounds of.
void check_plan(const step_plan& plan, const step_bounds& bounds) {
  if (plan.rows() > bounds.rows) std::abort();
  for (const sample_point& p : plan.samples) {
    if (p.params == nullptr || p.offset >= plan.runs.at(p.run).tokens.size()) std::abort();
    if (p.history != nullptr && p.history_length > p.history->size()) std::abort();
    if (p.mask != no_mask && plan.masks->row(p.mask).size() * 32 < bounds.vocab) std::abort();
  }
  for (const score_point& p : plan.scores)
    if (p.offset >= plan.runs.at(p.run).tokens.size()) std::abort();
}

/// A request is the payload of its frame.
void check_request(std::span<const std::byte> payload) {
  const std::vector<std::byte> header = encode_forget(7);  // laid out as an ask's
  const answer_bounds bounds{4096, 16, 1000};
  const auto once = decode_ask(header, payload, bounds);
  if (!once) return;
  const outgoing_frame frame = make_ask(*once);
  const auto again = decode_ask(frame.header, frame.payload.front().bytes, bounds);
  if (!again) std::abort();
  const outgoing_frame same = make_ask(*again);
  if (!std::ranges::equal(frame.payload.front().bytes, same.payload.front().bytes)) std::abort();
}

}  // namespace

/// The first byte says which frame the others are the header of.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto header = std::as_bytes(std::span(data + 1, size - 1));
  const step_bounds bounds{256, 4096, 1000};
  switch (data[0]) {
    case frames::step:
      check(
          header, [&](std::span<const std::byte> h) { return decode_step(h, bounds); },
          [](const std::shared_ptr<const step_plan>& plan) { return encode_step(*plan); });
      if (const auto plan = decode_step(header, bounds)) check_plan(**plan, bounds);
      break;
    case frames::step_masks:
      check(
          header, [&](std::span<const std::byte> h) { return decode_step_masks(h, bounds); },
          encode_step_masks);
      break;
    case frames::step_result:
      check(
          header, [&](std::span<const std::byte> h) { return decode_step_result(h, bounds); },
          encode_step_result);
      break;
    case frames::step_failure:
      check(header, decode_step_failure, encode_step_failure);
      break;
    case frames::kv_record:
      check(header, decode_kv_record, encode_kv_record);
      break;
    case frames::kv_durable:
      check(header, decode_kv_durable, encode_kv_durable);
      break;
    case frames::kv_snapshot:
      check(header, decode_kv_snapshot, encode_kv_snapshot);
      break;
    case frames::expert_rows:
      check(
          header,
          [](std::span<const std::byte> h) {
            return decode_expert_rows(h, {256, 128});
          },
          encode_expert_rows);
      break;
    case frames::expert_outputs:
      check(
          header,
          [](std::span<const std::byte> h) {
            return decode_expert_outputs(h, {256, 128});
          },
          encode_expert_outputs);
      break;
    case frames::expert_load:
      check(
          header,
          [](std::span<const std::byte> h) {
            return decode_expert_load(h, {256, 128, 64});
          },
          encode_expert_load);
      break;
    case frames::ask:
      check_request(header);
      break;
    case frames::forget:
      check(header, decode_forget, encode_forget);
      break;
    case frames::news:
      check(
          header,
          [](std::span<const std::byte> h) {
            return decode_news(h, {4096, 16, 1000});
          },
          encode_news);
      break;
    case frames::key_use:
      check(header, decode_key_news, encode_key_news);
      break;
    case frames::recall:
      check(header, decode_recall, encode_recall);
      break;
    case frames::traffic:
      check(header, decode_traffic, encode_traffic);
      break;
    case frames::weights_ask:
      check(header, decode_weights_ask, encode_weights_ask);
      break;
    case frames::weights:
      check(header, decode_weights, encode_weights);
      break;
    default:
      break;
  }
  return 0;
}
