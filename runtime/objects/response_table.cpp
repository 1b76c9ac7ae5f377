#include "runtime/objects/response_table.hpp"

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <utility>

namespace troupe {
namespace json = boost::json;
namespace {

constexpr std::string_view columns =
    "id, owner, key, created, expires, previous, running, streamed, seed, request, input, response";

response_row row_in(const sqlite::statement& s) {
  response_row out;
  int at = 0;
  out.id = s.text(at++);
  out.owner = s.integer(at++);
  out.key = s.text(at++);
  out.created = s.integer(at++);
  out.expires = s.integer(at++);
  out.previous = s.text(at++);
  out.running = s.integer(at++) != 0;
  out.streamed = s.integer(at++) != 0;
  out.seed = static_cast<std::uint64_t>(s.integer(at++));
  out.request = s.text(at++);
  out.input = s.text(at++);
  out.response = s.text(at++);
  return out;
}

/// What was written here is JSON; a file may have been damaged all the same.
result<json::value> parsed(const std::string& text, const std::string& id) {
  boost::system::error_code failed;
  json::value v = json::parse(text, failed);
  if (failed) return fail(errc::corrupt, "response {} as it is kept: {}", id, failed.message());
  return v;
}

/// Adds the items of one response in front of what follows them, last one first.
result<void> gather(const response_row& row, json::array& backwards) {
  const auto response = parsed(row.response, row.id);
  if (!response) return fail(response.error());
  const auto input = parsed(row.input, row.id);
  if (!input) return fail(input.error());
  const json::object* object = response->if_object();
  const json::value* output = object == nullptr ? nullptr : object->if_contains("output");
  if (output == nullptr || !output->is_array() || !input->is_array())
    return fail(errc::corrupt, "response {} as it is kept has no items", row.id);
  for (const json::array* items : {&output->get_array(), &input->get_array()})
    for (auto at = items->rbegin(); at != items->rend(); ++at) backwards.push_back(*at);
  return {};
}

}  // namespace

result<void> put_response(sqlite::database& in, const response_row& r, const std::string& events,
                          std::uint64_t most) {
  auto change = sqlite::transaction::begin(in);
  if (!change) return fail(change.error());
  auto put = in.prepare(
      "INSERT INTO responses VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) "
      "ON CONFLICT (id) DO UPDATE SET running = excluded.running, request = excluded.request, "
      "response = excluded.response, events = excluded.events");
  if (!put) return fail(put.error());
  if (auto done = put->run_with(r.id, r.owner, r.key, r.created, r.expires, r.previous, r.running,
                                r.streamed, static_cast<std::int64_t>(r.seed), r.request, r.input,
                                r.response, events);
      !done)
    return done;
  auto trim = in.prepare(
      "DELETE FROM responses WHERE rowid IN (SELECT rowid FROM responses WHERE owner = ?1 AND NOT "
      "running ORDER BY created DESC, rowid DESC LIMIT -1 OFFSET ?2)");
  if (!trim) return fail(trim.error());
  if (auto done = trim->run_with(r.owner, most); !done) return done;
  return change->commit();
}

result<std::optional<response_row>> find_response(sqlite::database& in, const std::string& id,
                                                  std::int64_t owner, std::int64_t now) {
  auto rows = in.prepare(fmt::format(
      "SELECT {} FROM responses WHERE id = ?1 AND owner = ?2 AND expires > ?3", columns));
  if (!rows) return fail(rows.error());
  if (auto bound = rows->bind(id, owner, now); !bound) return fail(bound.error());
  const auto found = rows->step();
  if (!found) return fail(found.error());
  return *found ? std::optional(row_in(*rows)) : std::nullopt;
}

result<std::string> events_of(sqlite::database& in, const std::string& id) {
  auto rows = in.prepare("SELECT events FROM responses WHERE id = ?1");
  if (!rows) return fail(rows.error());
  if (auto bound = rows->bind(id); !bound) return fail(bound.error());
  const auto found = rows->step();
  if (!found) return fail(found.error());
  return *found ? rows->text(0) : std::string();
}

result<bool> erase_response(sqlite::database& in, const std::string& id, std::int64_t owner) {
  auto erase = in.prepare("DELETE FROM responses WHERE id = ?1 AND owner = ?2");
  if (!erase) return fail(erase.error());
  if (auto done = erase->run_with(id, owner); !done) return fail(done.error());
  return in.changes() > 0;
}

result<std::vector<response_row>> running_responses(sqlite::database& in) {
  auto rows =
      in.prepare(fmt::format("SELECT {} FROM responses WHERE running ORDER BY created", columns));
  if (!rows) return fail(rows.error());
  std::vector<response_row> out;
  for (;;) {
    const auto more = rows->step();
    if (!more) return fail(more.error());
    if (!*more) return out;
    out.push_back(row_in(*rows));
  }
}

result<json::array> conversation_of(sqlite::database& in, std::string id, std::int64_t owner,
                                    std::int64_t now, std::size_t most) {
  json::array backwards;
  while (!id.empty()) {
    const auto row = find_response(in, id, owner, now);
    if (!row) return fail(row.error());
    if (!*row) return fail(errc::not_found, "there is no response '{}'", id);
    if ((*row)->running) return fail(errc::invalid_argument, "response '{}' has not ended yet", id);
    if (auto done = gather(**row, backwards); !done) return fail(done.error());
    if (backwards.size() > most)
      return fail(errc::out_of_range, "the conversation has more than {} items", most);
    id = (*row)->previous;
  }
  std::reverse(backwards.begin(), backwards.end());
  return backwards;
}

result<void> drop_expired_responses(sqlite::database& in, std::int64_t now) {
  auto drop = in.prepare("DELETE FROM responses WHERE expires <= ?1 AND NOT running");
  if (!drop) return fail(drop.error());
  return drop->run_with(now);
}

}  // namespace troupe
