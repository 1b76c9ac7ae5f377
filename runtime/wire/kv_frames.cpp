#include "runtime/wire/kv_frames.hpp"

#include <limits>
#include <utility>

#include "runtime/wire/frames.hpp"

namespace troupe {
namespace {

/// Bytes of a run and of a table that lists no page.
constexpr std::size_t run_bytes = sizeof(sequence_id) + 4 * sizeof(std::uint32_t);
constexpr std::size_t table_bytes = sizeof(sequence_id) + sizeof(std::uint32_t);
constexpr std::size_t fixed_bytes = preamble_bytes + 64;

void put_place(byte_writer& to, const kv_log_place& place) {
  to.put(place.log);
  to.put(place.serial);
}

kv_log_place get_place(byte_reader& from) {
  kv_log_place place;
  place.log = from.get<std::uint64_t>("log");
  place.serial = from.get<std::uint64_t>("serial");
  return place;
}

std::vector<std::int32_t> get_pages(byte_reader& from) {
  auto pages = from.get_list<std::int32_t>("pages");
  for (const std::int32_t page : pages) {
    if (!from.ok()) break;
    if (page < 0) from.refuse(errc::out_of_range, "page {}", page);
  }
  return pages;
}

kv_run get_run(byte_reader& from) {
  kv_run run;
  run.sequence = from.get<sequence_id>("sequence");
  run.first = from.get<std::uint32_t>("first position");
  run.count = from.get<std::uint32_t>("positions");
  run.pages_from = from.get<std::uint32_t>("known pages");
  run.pages = get_pages(from);
  if (run.count == 0) from.refuse(errc::corrupt, "sequence {}: no positions", run.sequence);
  if (run.count > std::numeric_limits<std::uint32_t>::max() - run.first) {
    from.refuse(errc::out_of_range, "sequence {}: {} positions from {}", run.sequence, run.count,
                run.first);
  }
  return run;
}

}  // namespace

std::vector<std::byte> encode_kv_record(const kv_record& record) {
  std::size_t pages = 0;
  for (const kv_run& run : record.runs) pages += run.pages.size();
  byte_writer to(fixed_bytes + record.runs.size() * run_bytes + pages * sizeof(std::int32_t) +
                 record.gone.size() * sizeof(sequence_id));
  put_preamble(to, record.epoch);
  to.put(record.step);
  to.put(record.stage);
  put_place(to, record.place);
  to.put_flag(record.last);
  to.put_count(record.runs.size());
  for (const kv_run& run : record.runs) {
    to.put(run.sequence);
    to.put(run.first);
    to.put(run.count);
    to.put(run.pages_from);
    to.put_list(run.pages);
  }
  to.put_list(record.gone);
  return to.take();
}

result<kv_record> decode_kv_record(std::span<const std::byte> header) {
  byte_reader from(header, "kv record");
  kv_record out;
  out.epoch = get_preamble(from);
  out.step = from.get<step_id>("step");
  out.stage = from.get<std::uint32_t>("stage");
  out.place = get_place(from);
  out.last = from.get_flag("last");
  const std::uint32_t runs = from.get_count("runs", run_bytes);
  out.runs.reserve(runs);
  for (std::uint32_t i = 0; i < runs && from.ok(); ++i) out.runs.push_back(get_run(from));
  out.gone = from.get_list<sequence_id>("gone");
  if (auto done = from.finish(); !done) return fail(std::move(done.error()));
  return out;
}

std::vector<std::byte> encode_kv_snapshot(const kv_snapshot& piece) {
  std::size_t pages = piece.pages.size();
  for (const kv_table& table : piece.tables) pages += table.pages.size();
  byte_writer to(fixed_bytes + piece.tables.size() * table_bytes + pages * sizeof(std::int32_t));
  put_preamble(to, piece.epoch);
  to.put(piece.step);
  to.put(piece.stage);
  put_place(to, piece.place);
  to.put_flag(piece.last);
  to.put_list(piece.pages);
  to.put_count(piece.tables.size());
  for (const kv_table& table : piece.tables) {
    to.put(table.sequence);
    to.put_list(table.pages);
  }
  return to.take();
}

result<kv_snapshot> decode_kv_snapshot(std::span<const std::byte> header) {
  byte_reader from(header, "kv snapshot");
  kv_snapshot out;
  out.epoch = get_preamble(from);
  out.step = from.get<step_id>("step");
  out.stage = from.get<std::uint32_t>("stage");
  out.place = get_place(from);
  out.last = from.get_flag("last");
  out.pages = get_pages(from);
  const std::uint32_t tables = from.get_count("tables", table_bytes);
  out.tables.reserve(tables);
  for (std::uint32_t i = 0; i < tables && from.ok(); ++i) {
    kv_table table;
    table.sequence = from.get<sequence_id>("sequence");
    table.pages = get_pages(from);
    out.tables.push_back(std::move(table));
  }
  if (auto done = from.finish(); !done) return fail(std::move(done.error()));
  return out;
}

std::vector<std::byte> encode_kv_durable(const kv_durable& durable) {
  byte_writer to(fixed_bytes);
  put_preamble(to, durable.epoch);
  to.put(durable.step);
  to.put(durable.stage);
  return to.take();
}

result<kv_durable> decode_kv_durable(std::span<const std::byte> header) {
  byte_reader from(header, "kv durable");
  kv_durable out;
  out.epoch = get_preamble(from);
  out.step = from.get<step_id>("step");
  out.stage = from.get<std::uint32_t>("stage");
  if (auto done = from.finish(); !done) return fail(std::move(done.error()));
  return out;
}

}  // namespace troupe
