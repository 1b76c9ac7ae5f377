#include "runtime/objects/batch_lines.hpp"

namespace troupe {

result<void> add_line(sqlite::database& in, const std::string& batch, const batch_line& l) {
  auto add = in.prepare("INSERT INTO batch_lines VALUES (?1, ?2, ?3, ?4, ?5, 0, '')");
  if (!add) return fail(add.error());
  return add->run_with(batch, l.line, l.name, l.start, l.bytes);
}

result<std::vector<batch_line>> waiting_lines(sqlite::database& in, const std::string& batch,
                                              std::uint64_t from, std::uint64_t most) {
  auto rows = in.prepare(
      "SELECT line, name, start, bytes FROM batch_lines WHERE batch = ?1 AND line >= ?2 AND state "
      "= 0 ORDER BY line LIMIT ?3");
  if (!rows) return fail(rows.error());
  if (auto bound = rows->bind(batch, from, most); !bound) return fail(bound.error());
  std::vector<batch_line> out;
  for (;;) {
    const auto more = rows->step();
    if (!more) return fail(more.error());
    if (!*more) return out;
    out.push_back({static_cast<std::uint64_t>(rows->integer(0)), rows->text(1),
                   static_cast<std::uint64_t>(rows->integer(2)),
                   static_cast<std::uint64_t>(rows->integer(3))});
  }
}

result<bool> end_line(sqlite::database& in, const std::string& batch, const line_outcome& outcome) {
  auto change = sqlite::transaction::begin(in);
  if (!change) return fail(change.error());
  auto end = in.prepare(
      "UPDATE batch_lines SET state = ?3, outcome = ?4 WHERE batch = ?1 AND line = ?2 AND state = "
      "0");
  if (!end) return fail(end.error());
  const auto state = static_cast<std::int64_t>(outcome.state);
  if (auto done = end->run_with(batch, outcome.line, state, outcome.text); !done)
    return fail(done.error());
  if (in.changes() == 0) return false;
  auto count = in.prepare(
      "UPDATE batches SET completed = completed + ?2, failed = failed + ?3, input_tokens = "
      "input_tokens + ?4, output_tokens = output_tokens + ?5 WHERE id = ?1");
  if (!count) return fail(count.error());
  if (auto done = count->run_with(batch, outcome.state == line_state::answered,
                                  outcome.state == line_state::failed, outcome.input_tokens,
                                  outcome.output_tokens);
      !done)
    return fail(done.error());
  if (auto done = change->commit(); !done) return fail(done.error());
  return true;
}

result<std::vector<line_outcome>> outcomes(sqlite::database& in, const std::string& batch,
                                           line_state state, std::uint64_t from,
                                           std::uint64_t most) {
  auto rows = in.prepare(
      "SELECT line, outcome FROM batch_lines WHERE batch = ?1 AND state = ?2 AND line >= ?3 ORDER "
      "BY line LIMIT ?4");
  if (!rows) return fail(rows.error());
  if (auto bound = rows->bind(batch, static_cast<std::int64_t>(state), from, most); !bound)
    return fail(bound.error());
  std::vector<line_outcome> out;
  for (;;) {
    const auto more = rows->step();
    if (!more) return fail(more.error());
    if (!*more) return out;
    out.push_back({static_cast<std::uint64_t>(rows->integer(0)), state, rows->text(1), 0, 0});
  }
}

result<void> drop_lines(sqlite::database& in, const std::string& batch) {
  auto drop = in.prepare("DELETE FROM batch_lines WHERE batch = ?1");
  if (!drop) return fail(drop.error());
  return drop->run_with(batch);
}

}  // namespace troupe
