#include "runtime/wire/frames.hpp"

#include <algorithm>
#include <utility>

#include "runtime/release/release.hpp"

namespace troupe {

std::string_view frame_name(frame_kind kind) {
  switch (kind) {
    case frames::step:
      return "step";
    case frames::step_result:
      return "step_result";
    case frames::step_failure:
      return "step_failure";
    case frames::kv_record:
      return "kv_record";
    case frames::kv_durable:
      return "kv_durable";
    case frames::expert_rows:
      return "expert_rows";
    case frames::expert_outputs:
      return "expert_outputs";
    case frames::ping:
      return "ping";
    case frames::kv_snapshot:
      return "kv_snapshot";
    case frames::cache_request:
      return "cache_request";
    case frames::cache_reply:
      return "cache_reply";
    case frames::kv_gap:
      return "kv_gap";
    case frames::ask:
      return "ask";
    case frames::forget:
      return "forget";
    case frames::news:
      return "news";
    case frames::recall:
      return "recall";
    case frames::recalled:
      return "recalled";
    case frames::expert_load:
      return "expert_load";
    case frames::step_masks:
      return "step_masks";
    case frames::traffic:
      return "traffic";
    case frames::key_use:
      return "key_use";
    case frames::weights_ask:
      return "weights_ask";
    case frames::weights:
      return "weights";
    default:
      return "unknown";
  }
}

result<epoch_number> epoch_of(std::span<const std::byte> header) {
  byte_reader from(header.first(std::min(header.size(), preamble_bytes)), "frame");
  const epoch_number epoch = get_preamble(from);
  if (auto done = from.finish(); !done) return fail(std::move(done.error()));
  return epoch;
}

void put_preamble(byte_writer& to, epoch_number epoch) {
  to.put(static_cast<std::uint8_t>(release::protocols.data.highest));
  to.put(epoch);
}

void set_version(std::vector<std::byte>& header, std::uint32_t version) {
  if (!header.empty()) header.front() = static_cast<std::byte>(version);
}

epoch_number get_preamble(byte_reader& from) {
  const auto version = from.get<std::uint8_t>("wire version");
  const protocol_range& spoken = release::protocols.data;
  if (from.ok() && !speaks(spoken, version))
    from.refuse(errc::unsupported, "wire version {}, this build speaks {}", version, show(spoken));
  return from.get<epoch_number>("epoch");
}

}  // namespace troupe
