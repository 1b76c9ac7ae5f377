#include "actors/gateway/batch_handler.hpp"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <string>
#include <utility>

#include "actors/gateway/batch_line.hpp"
#include "actors/gateway/batch_runner.hpp"
#include "actors/gateway/handlers.hpp"
#include "actors/gateway/pool_answer.hpp"
#include "actors/gateway/query_window.hpp"
#include "actors/gateway/server_core.hpp"
#include "actors/gateway/session_context.hpp"
#include "runtime/api/json_body.hpp"
#include "runtime/api/request_reader.hpp"
#include "runtime/api/response_request.hpp"
#include "runtime/keys/key_names.hpp"

namespace troupe::gateway {
namespace json = boost::json;
namespace {

constexpr std::int64_t window_seconds = 86'400;

answer as_answer(const batch_row& row) {
  return {200, "application/json", json::serialize(batch_json(row)), {}};
}
answer failed(const error& e) { return refusal(to_api_error(e)); }

/// With what batches are asked for, on a thread of the pool.
struct asked_by {
  std::shared_ptr<object_file> store;
  std::shared_ptr<batch_runner> runner;
  std::shared_ptr<live_key> key;
  std::uint64_t open_batches = 0;
  std::string model;
  [[nodiscard]] std::int64_t owner() const { return key ? key->id() : 0; }
};

api_result<batch_row> read_batch(std::string_view body) {
  auto object = parse_json_body(body, {});
  if (!object) return tl::unexpected(std::move(object.error()));
  request_reader reader(*object);
  batch_row row;
  std::string window;
  reader.string("input_file_id", row.input);
  reader.string("endpoint", row.endpoint);
  reader.string("completion_window", window);
  json::object shown;
  read_metadata(reader, shown);
  reader.accept({"output_expires_after"});
  if (auto e = reader.finish()) return tl::unexpected(std::move(*e));
  if (row.input.empty()) return refuse("input_file_id", "is required: a file's id");
  if (!batch_protocol(row.endpoint))
    return refuse("endpoint",
                  "must be '/v1/chat/completions', '/v1/completions' or '/v1/responses', got '{}'",
                  row.endpoint.substr(0, 64));
  if (window != "24h") return refuse("completion_window", "must be '24h'");
  row.object = json::serialize(shown);
  return row;
}

/// Whether the key is good for what the batch will ask.
std::optional<api_error> outside_scope(const asked_by& by, std::string_view endpoint) {
  if (!by.key) return std::nullopt;
  const key_scope& scope = by.key->scope();
  const std::string_view word = batch_scope(endpoint);
  const bool fine = allows_endpoint(scope, word) && allows_model(scope, by.model);
  if (fine) return std::nullopt;
  api_error e;
  e.status = 403;
  e.code = "permission_denied";
  e.message = allows_endpoint(scope, word)
                  ? fmt::format("this key is not good for the model {}", by.model)
                  : fmt::format("this key is not good for the endpoints of \"{}\"", word);
  return e;
}

answer create(const asked_by& by, std::string_view body) {
  auto row = read_batch(body);
  if (!row) return refusal(row.error());
  if (const auto outside = outside_scope(by, row->endpoint)) return refusal(*outside);
  row->id = random_name("batch");
  row->owner = by.owner();
  if (by.key) row->key = by.key->name();
  row->created = unix_time();
  row->expires = row->created + window_seconds;
  row->status = "validating";
  const auto input = by.store->with(
      [&](sqlite::database& in) { return find_file(in, row->input, row->owner, row->created); });
  if (!input) return failed(input.error());
  if (!*input || (*input)->purpose != "batch") {
    api_error e = no_such("file", row->input);
    e.message += " of purpose 'batch'";
    e.param = "input_file_id";
    return refusal(e);
  }
  const auto added =
      by.store->with([&](sqlite::database& in) { return add_batch(in, *row, by.open_batches); });
  if (!added) return failed(added.error());
  by.runner->wake();
  return as_answer(*row);
}

answer list(const asked_by& by, const list_window& window) {
  auto rows =
      by.store->with([&](sqlite::database& in) { return list_batches(in, by.owner(), window); });
  if (!rows) return failed(rows.error());
  const bool more = rows->size() > window.limit;
  if (more) rows->resize(window.limit);
  json::array data;
  for (const batch_row& row : *rows) data.push_back(batch_json(row));
  json::object out{{"object", "list"}, {"has_more", more}};
  out["first_id"] = rows->empty() ? json::value(nullptr) : json::value(rows->front().id);
  out["last_id"] = rows->empty() ? json::value(nullptr) : json::value(rows->back().id);
  out["data"] = std::move(data);
  return {200, "application/json", json::serialize(out), {}};
}

answer describe(const asked_by& by, const std::string& id) {
  const auto row =
      by.store->with([&](sqlite::database& in) { return find_batch(in, id, by.owner()); });
  if (!row) return failed(row.error());
  if (!*row) return refusal(no_such("batch", id));
  return as_answer(**row);
}

answer cancel(const asked_by& by, const std::string& id) {
  const auto row = by.store->with([&](sqlite::database& in) -> result<std::optional<batch_row>> {
    auto found = find_batch(in, id, by.owner());
    if (!found || !*found) return found;
    json::object details = batch_details(**found);
    details["cancelling_at"] = unix_time();
    if (auto done = begin_cancelling(in, id, by.owner(), json::serialize(details)); !done)
      return fail(done.error());
    return find_batch(in, id, by.owner());
  });
  if (!row) return failed(row.error());
  if (!*row) return refusal(no_such("batch", id));
  by.runner->wake();
  return as_answer(**row);
}

}  // namespace

void answer_batches(server_core& core, const std::shared_ptr<connection>& client,
                    const std::shared_ptr<live_key>& key) {
  if (!core.store()) return client->respond(refusal(no_store()));
  if (!core.batches()) return client->respond(refusal(loading()));
  const http_request& request = client->request();
  const routed found = find_route(request.method, request.path);
  const std::string id(found.argument);
  const asked_by by{core.store(), core.batches(), key, core.config().store.open_batches,
                    core.backend().model->id};
  if (found.target == route::batch_cancel)
    return answer_from_pool(core, client, [by, id](std::string_view) { return cancel(by, id); });
  if (found.target == route::batch)
    return answer_from_pool(core, client, [by, id](std::string_view) { return describe(by, id); });
  if (request.method == "POST")
    return answer_from_pool(core, client, [by](std::string_view body) { return create(by, body); });
  const auto window = read_window(request, 20, 100);
  if (!window) return client->respond(refusal(window.error()));
  answer_from_pool(core, client,
                   [by, window = *window](std::string_view) { return list(by, window); });
}

}  // namespace troupe::gateway
