#include "runtime/objects/batch_table.hpp"

namespace troupe {
namespace {

constexpr std::string_view columns =
    "id, owner, key, created, expires, status, endpoint, input, total, completed, failed, "
    "input_tokens, output_tokens, object";
constexpr std::string_view open_states =
    "('validating', 'in_progress', 'finalizing', 'cancelling')";

batch_row row_in(const sqlite::statement& s) {
  int at = 0;
  const auto count = [&] { return static_cast<std::uint64_t>(s.integer(at++)); };
  batch_row out;
  out.id = s.text(at++);
  out.owner = s.integer(at++);
  out.key = s.text(at++);
  out.created = s.integer(at++);
  out.expires = s.integer(at++);
  out.status = s.text(at++);
  out.endpoint = s.text(at++);
  out.input = s.text(at++);
  out.total = count();
  out.completed = count();
  out.failed = count();
  out.input_tokens = count();
  out.output_tokens = count();
  out.object = s.text(at++);
  return out;
}

result<std::vector<batch_row>> rows_of(sqlite::statement& s) {
  std::vector<batch_row> out;
  for (;;) {
    const auto more = s.step();
    if (!more) return fail(more.error());
    if (!*more) return out;
    out.push_back(row_in(s));
  }
}

}  // namespace

result<void> add_batch(sqlite::database& in, const batch_row& r, std::uint64_t most) {
  auto add = in.prepare(fmt::format(
      "INSERT INTO batches SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14 "
      "WHERE (SELECT count(*) FROM batches WHERE owner = ?2 AND status IN {}) < ?15",
      open_states));
  if (!add) return fail(add.error());
  if (auto done = add->run_with(r.id, r.owner, r.key, r.created, r.expires, r.status, r.endpoint,
                                r.input, r.total, r.completed, r.failed, r.input_tokens,
                                r.output_tokens, r.object, most);
      !done)
    return done;
  if (in.changes() > 0) return {};
  return fail(errc::exhausted, "{} batches have not ended yet, as many as may", most);
}

result<void> update_batch(sqlite::database& in, const batch_row& r) {
  auto change = in.prepare(
      "UPDATE batches SET status = ?2, total = ?3, completed = ?4, failed = ?5, input_tokens = ?6, "
      "output_tokens = ?7, object = ?8 WHERE id = ?1");
  if (!change) return fail(change.error());
  return change->run_with(r.id, r.status, r.total, r.completed, r.failed, r.input_tokens,
                          r.output_tokens, r.object);
}

result<std::optional<batch_row>> find_batch(sqlite::database& in, const std::string& id,
                                            std::int64_t owner) {
  auto rows =
      in.prepare(fmt::format("SELECT {} FROM batches WHERE id = ?1 AND owner = ?2", columns));
  if (!rows) return fail(rows.error());
  if (auto bound = rows->bind(id, owner); !bound) return fail(bound.error());
  const auto found = rows->step();
  if (!found) return fail(found.error());
  return *found ? std::optional(row_in(*rows)) : std::nullopt;
}

result<std::vector<batch_row>> list_batches(sqlite::database& in, std::int64_t owner,
                                            const list_window& window) {
  auto rows = in.prepare(fmt::format(
      "SELECT {} FROM batches WHERE owner = ?1 AND (?2 = '' OR (created, rowid) < (SELECT created, "
      "rowid FROM batches WHERE id = ?2 AND owner = ?1)) ORDER BY created DESC, rowid DESC LIMIT "
      "?3",
      columns));
  if (!rows) return fail(rows.error());
  if (auto bound = rows->bind(owner, window.after, window.limit + 1); !bound)
    return fail(bound.error());
  return rows_of(*rows);
}

result<std::vector<batch_row>> open_batches(sqlite::database& in) {
  auto rows = in.prepare(fmt::format(
      "SELECT {} FROM batches WHERE status IN {} ORDER BY created, rowid", columns, open_states));
  if (!rows) return fail(rows.error());
  return rows_of(*rows);
}

result<bool> begin_cancelling(sqlite::database& in, const std::string& id, std::int64_t owner,
                              const std::string& object) {
  auto change = in.prepare(
      "UPDATE batches SET status = 'cancelling', object = ?3 WHERE id = ?1 AND owner = ?2 AND "
      "status IN ('validating', 'in_progress')");
  if (!change) return fail(change.error());
  if (auto done = change->run_with(id, owner, object); !done) return fail(done.error());
  return in.changes() > 0;
}

result<void> drop_old_batches(sqlite::database& in, std::int64_t then) {
  auto drop = in.prepare(
      fmt::format("DELETE FROM batches WHERE created < ?1 AND status NOT IN {}", open_states));
  if (!drop) return fail(drop.error());
  return drop->run_with(then);
}

}  // namespace troupe
