#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/cache/kv_manager.hpp"
#include "runtime/engine/step.hpp"

namespace troupe {

/// The place of a frame in a stage's log. A log begins whenever its receiver knows nothing, with a
/// greater number than any log of that primary before it; its frames are numbered 0, 1, 2 ..., so
/// that a missing or repeated one shows. It goes on from epoch to epoch: the rows of the epoch that
/// ended are as true as before, so these frames are not dropped for being of an older epoch than
/// the receiver's.
struct kv_log_place {
  std::uint64_t log = 0;
  std::uint64_t serial = 0;
  friend bool operator==(const kv_log_place&, const kv_log_place&) = default;
};

/// Consecutive positions of a sequence whose keys and values a step wrote.
struct kv_run {
  sequence_id sequence = 0;
  std::uint32_t first = 0;
  std::uint32_t count = 0;
  /// The sequence's page table is what the receiver knows up to entry `pages_from`, then `pages`,
  /// and ends there.
  std::uint32_t pages_from = 0;
  std::vector<std::int32_t> pages;
  friend bool operator==(const kv_run&, const kv_run&) = default;
};

/// What a step, or a part of it, wrote on one stage. Payload: for each run in order what
/// gather_kv_rows() gives.
struct kv_record {
  epoch_number epoch = 0;
  step_id step = 0;
  std::uint32_t stage = 0;
  kv_log_place place;
  bool last = true;  ///< of its step: with it the step is complete
  std::vector<kv_run> runs;
  std::vector<sequence_id> gone;  ///< sequences that ended before: to be forgotten first
  friend bool operator==(const kv_record&, const kv_record&) = default;
};

/// A whole page table.
struct kv_table {
  sequence_id sequence = 0;
  std::vector<std::int32_t> pages;
  friend bool operator==(const kv_table&, const kv_table&) = default;
};

/// A piece of what a stage held when its log began. Payload: the pages, page_bytes() each.
struct kv_snapshot {
  epoch_number epoch = 0;
  step_id step = 0;  ///< the last one recorded before this piece, in this log or earlier; 0: none
  std::uint32_t stage = 0;
  kv_log_place place;
  bool last = false;  ///< with it the receiver has all that went before the log
  std::vector<std::int32_t> pages;
  std::vector<kv_table> tables;
  friend bool operator==(const kv_snapshot&, const kv_snapshot&) = default;
};

/// All that a stage's steps up to `step` wrote is at its buddy.
struct kv_durable {
  epoch_number epoch = 0;
  step_id step = 0;
  std::uint32_t stage = 0;
  friend bool operator==(const kv_durable&, const kv_durable&) = default;
};

/// Headers of the frames of these names. Decoding checks what can be told without the store: that
/// no run is empty, runs past 32 bits or names a negative page. kv_replica checks the rest.
[[nodiscard]] std::vector<std::byte> encode_kv_record(const kv_record& record);
[[nodiscard]] result<kv_record> decode_kv_record(std::span<const std::byte> header);
[[nodiscard]] std::vector<std::byte> encode_kv_snapshot(const kv_snapshot& piece);
[[nodiscard]] result<kv_snapshot> decode_kv_snapshot(std::span<const std::byte> header);
[[nodiscard]] std::vector<std::byte> encode_kv_durable(const kv_durable& durable);
[[nodiscard]] result<kv_durable> decode_kv_durable(std::span<const std::byte> header);

}  // namespace troupe
