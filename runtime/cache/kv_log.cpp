#include "runtime/cache/kv_log.hpp"

#include <algorithm>

#include "runtime/cache/kv_rows.hpp"

namespace troupe {
namespace {

kv_payload allocate(std::size_t bytes) {
  // Every byte is written before anybody reads it.
  return {std::make_shared_for_overwrite<std::byte[]>(bytes), bytes};
}

}  // namespace

kv_log::kv_log(const kv_store& store, std::uint32_t stage, const limits& most,
               std::vector<bool> written)
    : store_(store), stage_(stage), limits_(most), written_(std::move(written)) {
  written_.resize(store.pages());
}

void kv_log::begin(std::uint64_t log, const open_tables& open) {
  end();
  listening_ = true;
  copying_ = true;
  log_ = log;
  serial_ = 0;
  for (const auto& [id, table] : open) tables_to_copy_.emplace(id, table);
  for (std::uint32_t page = store_.pages(); page-- > 0;)
    if (written_[page]) pages_to_copy_.push_back(static_cast<std::int32_t>(page));
}

void kv_log::end() {
  listening_ = false;
  copying_ = false;
  known_.clear();
  gone_.clear();
  tables_to_copy_.clear();
  pages_to_copy_.clear();
}

std::optional<logged_snapshot> kv_log::next_piece(epoch_number epoch) {
  if (!copying_) return std::nullopt;
  logged_snapshot piece = start_piece(epoch);
  add_tables(piece.header);
  if (tables_to_copy_.empty()) add_pages(piece.header);
  copying_ = !tables_to_copy_.empty() || !pages_to_copy_.empty();
  piece.header.last = !copying_;
  fill(piece);
  return piece;
}

logged_snapshot kv_log::start_piece(epoch_number epoch) {
  logged_snapshot piece;
  piece.header.epoch = epoch;
  piece.header.step = recorded_;
  piece.header.stage = stage_;
  piece.header.place = next_place();
  piece.header.last = false;
  return piece;
}

void kv_log::fill(logged_snapshot& piece) const {
  const std::size_t bytes = store_.layout().page_bytes();
  piece.payload = allocate(piece.header.pages.size() * bytes);
  std::byte* to = piece.payload.memory.get();
  for (const std::int32_t page : piece.header.pages) {
    read_kv_page(store_, page, to);
    to += bytes;
  }
}

std::vector<logged_snapshot> kv_log::filled(std::span<const std::int32_t> pages,
                                            epoch_number epoch) {
  for (const std::int32_t page : pages) written_[static_cast<std::size_t>(page)] = true;
  std::vector<logged_snapshot> pieces;
  while (listening_ && !pages.empty()) {
    const std::size_t count = std::min(pages_a_piece(), pages.size());
    logged_snapshot& piece = pieces.emplace_back(start_piece(epoch));
    piece.header.pages.assign(pages.begin(), pages.begin() + static_cast<std::ptrdiff_t>(count));
    fill(piece);
    pages = pages.subspan(count);
  }
  return pieces;
}

std::size_t kv_log::pages_a_piece() const {
  return std::max<std::size_t>(1, limits_.payload_bytes / store_.layout().page_bytes());
}

void kv_log::add_tables(kv_snapshot& piece) {
  std::size_t entries = 0;
  while (!tables_to_copy_.empty()) {
    const auto next = tables_to_copy_.begin();
    const auto& [id, table] = *next;
    if (!piece.tables.empty() && entries + table->size() > limits_.table_entries) return;
    entries += table->size();
    piece.tables.push_back({id, *table});
    known_.emplace(id, table);
    tables_to_copy_.erase(next);
  }
}

void kv_log::add_pages(kv_snapshot& piece) {
  const std::size_t most = pages_a_piece();
  while (!pages_to_copy_.empty() && piece.pages.size() < most) {
    piece.pages.push_back(pages_to_copy_.back());
    pages_to_copy_.pop_back();
  }
}

std::vector<logged_record> kv_log::record(const step_plan& plan,
                                          std::span<const page_table> tables) {
  recorded_ = plan.id;
  for (std::size_t i = 0; i < plan.runs.size(); ++i) note_written(plan.runs[i], tables[i]);
  if (!listening_) return {};
  const auto most = static_cast<std::uint32_t>(std::clamp<std::size_t>(
      limits_.payload_bytes / store_.layout().position_bytes(), 1, 0xffffffff));
  std::vector<logged_record> records;
  std::uint32_t left = plan.rows();
  std::uint32_t room = 0;  // rows that the record under way still takes
  std::byte* to = nullptr;
  const auto start = [&] {
    records.push_back(start_record(plan));
    room = std::min(left, most);
    left -= room;
    records.back().payload = allocate(kv_rows_bytes(store_.layout(), room));
    to = records.back().payload.memory.get();
  };
  start();
  for (std::size_t i = 0; i < plan.runs.size(); ++i) {
    const sequence_run& run = plan.runs[i];
    const auto rows = static_cast<std::uint32_t>(run.tokens.size());
    for (std::uint32_t done = 0; done < rows;) {
      if (room == 0) start();
      kv_run part{run.sequence, run.first + done, std::min(rows - done, room), 0, {}};
      introduce(run.sequence, tables[i], part);
      gather_kv_rows(store_, *tables[i], part.first, part.count, to);
      to += kv_rows_bytes(store_.layout(), part.count);
      done += part.count;
      room -= part.count;
      records.back().header.runs.push_back(std::move(part));
    }
  }
  records.back().header.last = true;
  return records;
}

void kv_log::note_written(const sequence_run& run, const page_table& table) {
  const std::uint32_t size = store_.layout().page_size;
  const auto end = run.first + static_cast<std::uint32_t>(run.tokens.size());
  for (std::uint32_t entry = run.first / size; entry * size < end; ++entry)
    written_[static_cast<std::size_t>((*table)[entry])] = true;
}

logged_record kv_log::start_record(const step_plan& plan) {
  logged_record r;
  r.header.epoch = plan.epoch;
  r.header.step = plan.id;
  r.header.stage = stage_;
  r.header.place = next_place();
  r.header.last = false;
  r.header.gone = std::exchange(gone_, {});
  return r;
}

void kv_log::introduce(sequence_id id, const page_table& table, kv_run& run) {
  tables_to_copy_.erase(id);
  page_table& known = known_[id];
  std::size_t same = 0;
  if (known == table) {
    same = table->size();
  } else if (known != nullptr) {
    const auto [ours, theirs] = std::ranges::mismatch(*table, *known);
    same = static_cast<std::size_t>(ours - table->begin());
  }
  run.pages_from = static_cast<std::uint32_t>(same);
  run.pages.assign(table->begin() + static_cast<std::ptrdiff_t>(same), table->end());
  known = table;
}

void kv_log::release(sequence_id id) {
  if (!listening_) return;
  tables_to_copy_.erase(id);
  if (known_.erase(id) != 0) gone_.push_back(id);
}

}  // namespace troupe
