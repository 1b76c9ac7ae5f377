#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

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
  expert_load = 18,    ///< how often a stage's experts were chosen lately
  step_masks = 19,     ///< which tokens may be drawn in a step, to the stage that draws
  traffic = 20,        ///< what a node has sent so far, for the supervisor
  key_use = 21,        ///< what keys have taken of their limits at one gateway, for the others
  weights_ask = 22,    ///< a node lacks blocks of the model's files, or their digests
  weights = 23,        ///< payload: one block, or the digests
};
}  // namespace frames

/// A kind's name, for counters and logs.
[[nodiscard]] std::string_view frame_name(frame_kind kind);

/// Every header begins with the version of the data protocol (release::protocols), then the epoch.
inline constexpr std::size_t preamble_bytes = sizeof(std::uint8_t) + sizeof(epoch_number);

/// The epoch of a frame without the rest of its header. unsupported: a version that this process
/// does not speak; corrupt: shorter than that.
[[nodiscard]] result<epoch_number> epoch_of(std::span<const std::byte> header);

/// Begins a header, in the newest version that this process speaks.
void put_preamble(byte_writer& to, epoch_number epoch);
/// Says in a header which version its sender and its receiver have agreed on.
void set_version(std::vector<std::byte>& header, std::uint32_t version);
/// Reads what put_preamble() wrote; a version that this process does not speak becomes the reader's
/// error.
[[nodiscard]] epoch_number get_preamble(byte_reader& from);

}  // namespace troupe
