#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "runtime/cache/kv_store.hpp"
#include "runtime/engine/step.hpp"
#include "runtime/wire/kv_frames.hpp"

namespace troupe {

/// Bytes to send, in memory that lives for as long as somebody needs it.
struct kv_payload {
  std::shared_ptr<std::byte[]> memory;
  std::size_t size = 0;
  [[nodiscard]] std::span<const std::byte> bytes() const { return {memory.get(), size}; }
};
struct logged_record {
  kv_record header;
  kv_payload payload;
};
struct logged_snapshot {
  kv_snapshot header;
  kv_payload payload;
};

/// What a stage's primary tells its buddy: the rows that each step wrote, and what of the page
/// tables the buddy does not know yet.
///
/// It sees every step of the stage, with a buddy or without. A buddy's log begins with begin();
/// pieces of the snapshot may come between the records of steps, in any mixture, as long as all
/// are sent in the order in which they were made: a row that is written after its page was copied
/// is in a record that follows. One owner; the store is borrowed and read at each call, so that a
/// step's record is made once the device has passed the step.
class kv_log {
 public:
  struct limits {
    std::size_t payload_bytes = std::size_t{16} << 20U;  ///< of a frame, but at least one row
    std::size_t table_entries = 65'536;                  ///< of a piece, but at least one table
  };
  using open_tables = std::vector<std::pair<sequence_id, page_table>>;

  /// `written` tells which pages hold rows already: of a replica that became the primary.
  kv_log(const kv_store& store, std::uint32_t stage, const limits& most,
         std::vector<bool> written = {});
  kv_log(const kv_store& store, std::uint32_t stage) : kv_log(store, stage, limits()) {}

  /// A receiver that knows nothing listens from now on; `log` is greater than any before,
  /// from 1 on. `open`: the page tables of the sequences that are open. Its snapshot is waiting:
  /// one piece at least.
  void begin(std::uint64_t log, const open_tables& open);
  /// Nobody listens any more.
  void end();
  [[nodiscard]] bool has_receiver() const { return listening_; }
  /// Whether pieces of the snapshot are still to be taken.
  [[nodiscard]] bool copying() const { return copying_; }

  /// Most pages of a piece, by the limit.
  [[nodiscard]] std::size_t pages_a_piece() const;
  /// The next piece; nothing once all were taken.
  [[nodiscard]] std::optional<logged_snapshot> next_piece(epoch_number epoch);
  /// What pages hold that were filled by something other than a step, from then on; nothing
  /// without a receiver. To be called before the record of the first step that uses them.
  [[nodiscard]] std::vector<logged_snapshot> filled(std::span<const std::int32_t> pages,
                                                    epoch_number epoch);
  /// What a step wrote, in as many frames as the limit asks for; nothing without a receiver.
  /// `tables[i]` is the one with which the step's run i was computed, and covers it. Every step
  /// that was computed, in order.
  [[nodiscard]] std::vector<logged_record> record(const step_plan& plan,
                                                  std::span<const page_table> tables);
  /// The sequence's pages went back; the next record says so. To be called after the record of the
  /// last step that computed it, and before the record of the first that writes to those pages for
  /// somebody else.
  void release(sequence_id id);

 private:
  void note_written(const sequence_run& run, const page_table& table);
  [[nodiscard]] logged_record start_record(const step_plan& plan);
  /// Fills in which entries of the table the receiver lacks; from now on it has them.
  void introduce(sequence_id id, const page_table& table, kv_run& run);
  [[nodiscard]] logged_snapshot start_piece(epoch_number epoch);
  /// Copies what the piece's pages hold.
  void fill(logged_snapshot& piece) const;
  void add_tables(kv_snapshot& piece);
  void add_pages(kv_snapshot& piece);
  [[nodiscard]] kv_log_place next_place() { return {log_, serial_++}; }

  const kv_store& store_;
  std::uint32_t stage_;
  limits limits_;
  std::vector<bool> written_;  ///< by page
  step_id recorded_ = 0;       ///< the last step seen

  bool listening_ = false;
  std::uint64_t log_ = 0;
  std::uint64_t serial_ = 0;
  std::unordered_map<sequence_id, page_table> known_;  ///< tables as the receiver has them
  std::vector<sequence_id> gone_;                      ///< known, ended, and not yet told
  bool copying_ = false;
  std::map<sequence_id, page_table> tables_to_copy_;
  std::vector<std::int32_t> pages_to_copy_;  ///< the last is the next to go
};

}  // namespace troupe
