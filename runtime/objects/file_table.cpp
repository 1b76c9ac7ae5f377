#include "runtime/objects/file_table.hpp"

#include <algorithm>
#include <span>

namespace troupe {
namespace {

constexpr std::int64_t nobody = -1;
constexpr std::string_view columns = "id, owner, created, expires, purpose, name, bytes";

file_row row_in(const sqlite::statement& s) {
  file_row out;
  int at = 0;
  out.id = s.text(at++);
  out.owner = s.integer(at++);
  out.created = s.integer(at++);
  out.expires = s.integer_if(at++);
  out.purpose = s.text(at++);
  out.name = s.text(at++);
  out.bytes = static_cast<std::uint64_t>(s.integer(at++));
  return out;
}

}  // namespace

result<void> begin_file(sqlite::database& in, const file_row& r) {
  auto add = in.prepare("INSERT INTO files VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
  if (!add) return fail(add.error());
  return add->run_with(r.id, nobody, r.created, r.expires, r.purpose, r.name, r.bytes);
}

result<void> append_part(sqlite::database& in, const std::string& id, std::uint64_t part,
                         std::string_view content) {
  auto add = in.prepare("INSERT INTO file_parts VALUES (?1, ?2, ?3)");
  if (!add) return fail(add.error());
  return add->run_with(id, part, std::as_bytes(std::span(content.data(), content.size())));
}

result<void> publish_file(sqlite::database& in, const file_row& r) {
  auto change = in.prepare("UPDATE files SET owner = ?2, bytes = ?3, created = ?4 WHERE id = ?1");
  if (!change) return fail(change.error());
  return change->run_with(r.id, r.owner, r.bytes, r.created);
}

result<std::optional<file_row>> find_file(sqlite::database& in, const std::string& id,
                                          std::int64_t owner, std::int64_t now) {
  auto rows = in.prepare(fmt::format(
      "SELECT {} FROM files WHERE id = ?1 AND owner = ?2 AND (expires IS NULL OR expires > ?3)",
      columns));
  if (!rows) return fail(rows.error());
  if (auto bound = rows->bind(id, owner, now); !bound) return fail(bound.error());
  const auto found = rows->step();
  if (!found) return fail(found.error());
  return *found ? std::optional(row_in(*rows)) : std::nullopt;
}

result<std::vector<file_row>> list_files(sqlite::database& in, std::int64_t owner, std::int64_t now,
                                         const std::string& purpose, const list_window& window) {
  const std::string_view beyond = window.oldest_first ? ">" : "<";
  const std::string_view order = window.oldest_first ? "ASC" : "DESC";
  auto rows = in.prepare(fmt::format(
      "SELECT {} FROM files WHERE owner = ?1 AND (expires IS NULL OR expires > ?2) AND (?3 = '' OR "
      "purpose = ?3) AND (?4 = '' OR (created, rowid) {} (SELECT created, rowid FROM files WHERE "
      "id = ?4 AND owner = ?1)) ORDER BY created {}, rowid {} LIMIT ?5",
      columns, beyond, order, order));
  if (!rows) return fail(rows.error());
  if (auto bound = rows->bind(owner, now, purpose, window.after, window.limit + 1); !bound)
    return fail(bound.error());
  std::vector<file_row> out;
  for (;;) {
    const auto more = rows->step();
    if (!more) return fail(more.error());
    if (!*more) return out;
    out.push_back(row_in(*rows));
  }
}

result<std::string> read_file(sqlite::database& in, const std::string& id, std::uint64_t start,
                              std::size_t bytes) {
  auto rows =
      in.prepare("SELECT content FROM file_parts WHERE file = ?1 AND part >= ?2 ORDER BY part");
  if (!rows) return fail(rows.error());
  if (auto bound = rows->bind(id, start / file_part_bytes); !bound) return fail(bound.error());
  std::string out;
  std::size_t skip = start % file_part_bytes;
  while (out.size() < bytes) {
    const auto more = rows->step();
    if (!more) return fail(more.error());
    if (!*more) break;
    const std::vector<std::byte> part = rows->bytes(0);
    if (skip < part.size()) {
      const std::size_t wanted = std::min(bytes - out.size(), part.size() - skip);
      out.append(reinterpret_cast<const char*>(part.data()) + skip, wanted);
    }
    skip = 0;
  }
  return out;
}

result<bool> erase_file(sqlite::database& in, const std::string& id, std::int64_t owner) {
  auto erase = in.prepare("DELETE FROM files WHERE id = ?1 AND owner = ?2");
  if (!erase) return fail(erase.error());
  if (auto done = erase->run_with(id, owner); !done) return fail(done.error());
  return in.changes() > 0;
}

result<std::uint64_t> bytes_of_owner(sqlite::database& in, std::int64_t owner) {
  auto rows = in.prepare("SELECT coalesce(sum(bytes), 0) FROM files WHERE owner = ?1");
  if (!rows) return fail(rows.error());
  if (auto bound = rows->bind(owner); !bound) return fail(bound.error());
  const auto found = rows->step();
  if (!found) return fail(found.error());
  return *found ? static_cast<std::uint64_t>(rows->integer(0)) : 0;
}

result<void> drop_expired_files(sqlite::database& in, std::int64_t now, bool incomplete) {
  auto drop = in.prepare("DELETE FROM files WHERE expires <= ?1 OR (?2 AND owner = -1)");
  if (!drop) return fail(drop.error());
  return drop->run_with(now, incomplete);
}

}  // namespace troupe
