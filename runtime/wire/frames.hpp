#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "runtime/base/result.hpp"
#include "runtime/engine/step.hpp"
#include "runtime/transport/transport.hpp"
#include "runtime/wire/byte_reader.hpp"
#include "runtime/wire/byte_writer.hpp"

namespace troupe {

/// What the data plane carries. The numbers are on the wire: none is ever given another meaning.
namespace frames {
enum : frame_kind {
  step = 1,            ///< a plan; payload: hidden rows [rows, hidden] but for the first stage
  step_result = 2,     ///< what came of a step
  step_failure = 3,    ///< why nothing came of it
  kv_record = 4,       ///< rows of keys and values that a step wrote
  kv_durable = 5,      ///< a step's rows are at the stage's buddy
  expert_rows = 6,     ///< rows for an expert shard
  expert_outputs = 7,  ///< and what its experts made of them
  ping = 8,            ///< nothing but the epoch
  kv_snapshot = 9,     ///< whole pages, for a buddy that joins late
  cache_request = 10,  ///< what a batcher asks of a stage's cache manager
  cache_reply = 11,    ///< and its answer
  kv_gap = 12,         ///< a buddy lacks something of a stage's log, which must begin anew
  ask = 13,            ///< a request, from a gateway to the batcher's process
  forget = 14,         ///< the gateway does not want its answer any more
  news = 15,           ///< what came of a gateway's requests
  recall = 16,         ///< a gateway wants an answer that another one had asked for
  recalled = 17,       ///< whose request that was; its news follow from the beginning
  key_use = 18,        ///< what keys have taken of their limits at one gateway, for the others
};
}  // namespace frames

/// A kind's name, for counters and logs.
[[nodiscard]] std::string_view frame_name(frame_kind kind);

/// How headers are laid out. Peers of another version are refused when they are introduced; a frame
/// of another version is malformed.
inline constexpr std::uint8_t wire_version = 2;
/// Every header begins with the version, then the epoch.
inline constexpr std::size_t preamble_bytes = sizeof(std::uint8_t) + sizeof(epoch_number);

/// The epoch of a frame without the rest of its header. unsupported: another wire version; corrupt:
/// shorter than that.
[[nodiscard]] result<epoch_number> epoch_of(std::span<const std::byte> header);

/// Begins a header.
void put_preamble(byte_writer& to, epoch_number epoch);
/// Reads what put_preamble() wrote; another version becomes the reader's error.
[[nodiscard]] epoch_number get_preamble(byte_reader& from);

}  // namespace troupe
