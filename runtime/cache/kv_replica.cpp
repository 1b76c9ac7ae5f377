#include "runtime/cache/kv_replica.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "runtime/cache/kv_rows.hpp"

namespace troupe {
namespace {

template <class T, class Id>
bool has_repeats(const std::vector<T>& list, const Id& id) {
  std::vector<sequence_id> ids;
  ids.reserve(list.size());
  for (const T& each : list) ids.push_back(id(each));
  std::ranges::sort(ids);
  return std::ranges::adjacent_find(ids) != ids.end();
}

}  // namespace

result<kv_replica::arrival> kv_replica::admit(std::uint32_t stage, epoch_number epoch,
                                              const kv_log_place& place) {
  if (stage != stage_)
    return fail(errc::invalid_argument, "KV of stage {} sent to a replica of stage {}", stage,
                stage_);
  if (place.log < log_ || (place.log == log_ && place.serial < next_serial_)) {
    ++duplicates_;
    return arrival::duplicate;
  }
  const std::uint64_t expected = place.log > log_ ? 0 : next_serial_;
  if (place.serial != expected) {
    return fail(errc::unavailable, "KV log {} of stage {}: frame {} came, {} is missing", place.log,
                stage, place.serial, expected);
  }
  if (place.log > log_) {
    if (epoch < epoch_) {
      return fail(errc::stale_epoch, "KV log {} of stage {} begins in epoch {} after epoch {}",
                  place.log, stage, epoch, epoch_);
    }
    log_ = place.log;
    next_serial_ = 0;
    applied_ = 0;
    complete_ = false;
    tables_.clear();
  }
  return arrival::next;
}

result<void> kv_replica::apply(const kv_record& record, std::span<const std::byte> payload) {
  const auto arrived = admit(record.stage, record.epoch, record.place);
  if (!arrived) return fail(arrived.error());
  if (*arrived == arrival::duplicate) return {};
  if (auto good = check(record, payload.size()); !good) {
    return fail(good.error().within(fmt::format("KV record of step {}", record.step)));
  }
  for (const sequence_id id : record.gone) tables_.erase(id);
  const std::byte* rows = payload.data();
  for (const kv_run& run : record.runs) {
    take(run, rows);
    rows += kv_rows_bytes(store_.layout(), run.count);
  }
  if (record.last) applied_ = record.step;
  pass(record.epoch);
  return {};
}

result<void> kv_replica::check(const kv_record& record, std::size_t payload) const {
  if (has_repeats(record.runs, [](const kv_run& run) { return run.sequence; }))
    return fail(errc::corrupt, "a sequence has two runs");
  const std::set<sequence_id> gone(record.gone.begin(), record.gone.end());
  std::size_t held = tables_.size();
  for (const sequence_id id : gone) held -= tables_.count(id);
  std::uint64_t rows = 0;
  for (const kv_run& run : record.runs) {
    const auto table = tables_.find(run.sequence);
    const bool known = table != tables_.end() && !gone.contains(run.sequence);
    if (auto good = check(run, known ? table->second.size() : 0); !good) {
      return fail(good.error().within(fmt::format("sequence {}", run.sequence)));
    }
    rows += run.count;
    if (!known) ++held;
  }
  if (held > limits_.sequences)
    return fail(errc::exhausted, "{} sequences, at most {} may be", held, limits_.sequences);
  const std::uint64_t bytes = rows * store_.layout().position_bytes();
  if (payload != bytes)
    return fail(errc::corrupt, "{} bytes of rows for {} positions, {} expected", payload, rows,
                bytes);
  return {};
}

result<void> kv_replica::check(const kv_run& run, std::size_t known) const {
  if (run.pages_from > known) {
    return fail(errc::corrupt, "pages from entry {} on, {} entries are known", run.pages_from,
                known);
  }
  const std::uint64_t entries = std::uint64_t{run.pages_from} + run.pages.size();
  if (entries > store_.pages())
    return fail(errc::out_of_range, "{} pages of {}", entries, store_.pages());
  const std::uint64_t end = std::uint64_t{run.first} + run.count;
  if (run.count == 0 || end > entries * store_.layout().page_size) {
    return fail(errc::out_of_range, "{} positions from {} in {} pages of {}", run.count, run.first,
                entries, store_.layout().page_size);
  }
  return check_pages(run.pages);
}

result<void> kv_replica::check_pages(std::span<const std::int32_t> pages) const {
  for (const std::int32_t page : pages) {
    if (page < 0 || static_cast<std::uint32_t>(page) >= store_.pages())
      return fail(errc::out_of_range, "page {} of {}", page, store_.pages());
  }
  return {};
}

void kv_replica::take(const kv_run& run, const std::byte* rows) {
  std::vector<std::int32_t>& table = tables_[run.sequence];
  table.resize(run.pages_from);
  table.insert(table.end(), run.pages.begin(), run.pages.end());
  scatter_kv_rows(store_, table, run.first, run.count, rows);
  const std::uint32_t size = store_.layout().page_size;
  const std::uint32_t last = (run.first + run.count - 1) / size;
  for (std::uint32_t entry = run.first / size; entry <= last; ++entry)
    written_[static_cast<std::size_t>(table[entry])] = true;
}

result<void> kv_replica::apply(const kv_snapshot& piece, std::span<const std::byte> payload) {
  const auto arrived = admit(piece.stage, piece.epoch, piece.place);
  if (!arrived) return fail(arrived.error());
  if (*arrived == arrival::duplicate) return {};
  if (auto good = check(piece, payload.size()); !good) {
    return fail(good.error().within(fmt::format("KV snapshot of log {}", piece.place.log)));
  }
  const std::size_t bytes = store_.layout().page_bytes();
  for (std::size_t i = 0; i < piece.pages.size(); ++i) {
    const std::int32_t page = piece.pages[i];
    write_kv_page(store_, page, payload.data() + i * bytes);
    written_[static_cast<std::size_t>(page)] = true;
  }
  for (const kv_table& table : piece.tables) tables_[table.sequence] = table.pages;
  applied_ = piece.step;
  complete_ = complete_ || piece.last;
  pass(piece.epoch);
  return {};
}

result<void> kv_replica::check(const kv_snapshot& piece, std::size_t payload) const {
  if (complete_ && (piece.last || !piece.tables.empty()))
    return fail(errc::corrupt, "a piece comes after the last");
  if (auto good = check_pages(piece.pages); !good) return good;
  const std::uint64_t bytes = piece.pages.size() * store_.layout().page_bytes();
  if (payload != bytes) {
    return fail(errc::corrupt, "{} bytes for {} pages, {} expected", payload, piece.pages.size(),
                bytes);
  }
  if (tables_.size() + piece.tables.size() > limits_.sequences) {
    return fail(errc::exhausted, "{} sequences, at most {} may be",
                tables_.size() + piece.tables.size(), limits_.sequences);
  }
  if (has_repeats(piece.tables, [](const kv_table& table) { return table.sequence; }))
    return fail(errc::corrupt, "a sequence has two tables");
  for (const kv_table& table : piece.tables) {
    if (tables_.contains(table.sequence))
      return fail(errc::corrupt, "sequence {} is known already", table.sequence);
    if (table.pages.size() > store_.pages()) {
      return fail(errc::out_of_range, "sequence {}: {} pages of {}", table.sequence,
                  table.pages.size(), store_.pages());
    }
    if (auto good = check_pages(table.pages); !good) {
      return fail(good.error().within(fmt::format("sequence {}", table.sequence)));
    }
  }
  return {};
}

void kv_replica::pass(epoch_number epoch) {
  epoch_ = std::max(epoch_, epoch);
  ++next_serial_;
}

}  // namespace troupe
