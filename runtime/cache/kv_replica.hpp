#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/cache/kv_store.hpp"
#include "runtime/wire/kv_frames.hpp"

namespace troupe {

/// What a buddy holds of a stage: its pages under the same numbers as the primary's, the page
/// tables of its sequences, and how far it has got.
///
/// Fed by a kv_log, frame by frame. A frame of an ended log, or one that came before, is ignored; a
/// frame that is missing shows with the next one: from then on everything is refused until a new
/// log begins, and what was held up to there stays valid. Borrows the store; one owner.
class kv_replica {
 public:
  struct limits {
    std::uint32_t sequences = 16'384;  ///< most page tables held
  };

  kv_replica(const kv_store& store, std::uint32_t stage, const limits& most)
      : store_(store), stage_(stage), limits_(most), written_(store.pages()) {}
  kv_replica(const kv_store& store, std::uint32_t stage) : kv_replica(store, stage, limits()) {}

  /// Takes a step's rows. unavailable: a frame before it is missing, a new log must begin;
  /// stale_epoch: a log that begins in an older epoch than a frame before it; others: the frame
  /// contradicts itself, the store or what is held. A refused frame changes nothing, but that the
  /// first of a log makes this forget what it held.
  [[nodiscard]] result<void> apply(const kv_record& record, std::span<const std::byte> payload);
  /// Takes a piece of what the primary held when the log began, or, at any time, pages that it has
  /// got otherwise than by a step; fails likewise.
  [[nodiscard]] result<void> apply(const kv_snapshot& piece, std::span<const std::byte> payload);

  /// Whether this holds all that the primary held at the last step applied: the snapshot is whole.
  [[nodiscard]] bool complete() const { return complete_; }
  /// The last step whose rows are here, all of them and all of the steps before; nothing until the
  /// replica is complete and has seen a step.
  [[nodiscard]] std::optional<step_id> applied() const {
    return complete_ && applied_ != 0 ? std::optional(applied_) : std::nullopt;
  }
  /// The latest epoch among the frames applied.
  [[nodiscard]] epoch_number epoch() const { return epoch_; }
  [[nodiscard]] const std::unordered_map<sequence_id, std::vector<std::int32_t>>& tables() const {
    return tables_;
  }
  /// By page: whether it holds anything. A kv_log of this stage goes on from it.
  [[nodiscard]] const std::vector<bool>& written() const { return written_; }
  /// Frames that were ignored because they had come before.
  [[nodiscard]] std::uint64_t duplicates() const { return duplicates_; }

 private:
  enum class arrival : std::uint8_t { next, duplicate };

  [[nodiscard]] result<arrival> admit(std::uint32_t stage, epoch_number epoch,
                                      const kv_log_place& place);
  [[nodiscard]] result<void> check(const kv_record& record, std::size_t payload) const;
  [[nodiscard]] result<void> check(const kv_run& run, std::size_t known) const;
  [[nodiscard]] result<void> check(const kv_snapshot& piece, std::size_t payload) const;
  [[nodiscard]] result<void> check_pages(std::span<const std::int32_t> pages) const;
  void take(const kv_run& run, const std::byte* rows);
  /// The frame is taken in: what is expected next.
  void pass(epoch_number epoch);

  const kv_store& store_;
  std::uint32_t stage_;
  limits limits_;
  std::uint64_t log_ = 0;
  std::uint64_t next_serial_ = 0;
  epoch_number epoch_ = 0;
  step_id applied_ = 0;
  bool complete_ = false;
  std::unordered_map<sequence_id, std::vector<std::int32_t>> tables_;
  std::vector<bool> written_;
  std::uint64_t duplicates_ = 0;
};

}  // namespace troupe
