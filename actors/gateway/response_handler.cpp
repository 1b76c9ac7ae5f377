#include "actors/gateway/response_handler.hpp"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <string>
#include <utility>

#include "actors/gateway/answer_relay.hpp"
#include "actors/gateway/completion_handler.hpp"
#include "actors/gateway/handlers.hpp"
#include "actors/gateway/pool_answer.hpp"
#include "actors/gateway/query_window.hpp"
#include "actors/gateway/response_desk.hpp"
#include "actors/gateway/response_keeper.hpp"
#include "actors/gateway/server_core.hpp"
#include "actors/gateway/session_context.hpp"

namespace troupe::gateway {
namespace json = boost::json;
namespace {

std::int64_t owner_of(const std::shared_ptr<live_key>& key) { return key ? key->id() : 0; }

answer as_answer(const api_result<json::object>& made) {
  if (!made) return refusal(made.error());
  return {200, "application/json", json::serialize(*made), {}};
}

json::value parsed(const std::string& text) {
  boost::system::error_code failed;
  json::value v = json::parse(text, failed);
  return failed ? json::value(nullptr) : v;
}

/// Of what a response is made on a thread of the pool.
struct creation {
  std::shared_ptr<response_desk> desk;  ///< null: nothing is kept
  std::shared_ptr<answer_relay> relay;
  std::shared_ptr<completion_watch> watch;
  std::shared_ptr<generation_service> service;  ///< keeps what `context` borrows
  api_context context;
  std::shared_ptr<live_key> key;
  std::int64_t lifetime = 0;
};

response_row row_for(const creation& c, const answer_identity& who,
                     const response_request& request) {
  response_row row;
  row.id = who.id;
  row.owner = owner_of(c.key);
  if (c.key) row.key = c.key->name();
  row.created = who.created;
  row.expires = who.created + c.lifetime;
  row.previous = request.previous;
  row.streamed = request.background && request.stream;
  row.seed = who.seed;
  row.input = json::serialize(request.input);
  return row;
}

/// A response that its client waits for.
void draw(const creation& c, const answer_identity& who, const response_row& row,
          const std::shared_ptr<response_call>& call) {
  const bool store = call->request.store;
  const auto keeper = std::make_shared<response_keeper>(
      c.relay, call->request.stream,
      [desk = store ? c.desk : nullptr, row](const json::object& response,
                                             std::function<void(const result<void>&)> then) {
        if (!desk) return then({});
        desk->keep(row, response, std::move(then));
      });
  call->watcher = keeper;
  completion_call asked{api_protocol::responses, {}};
  asked.identity = who;
  asked.response = call;
  c.relay->attach(completion_session::begin(c.context, asked, keeper, c.watch));
}

/// One that goes on without its client.
void draw_in_background(const creation& c, response_row row, std::string body,
                        const std::shared_ptr<response_call>& call) {
  row.request = std::move(body);
  const bool stream = call->request.stream;
  const auto begun = c.desk->begin({std::move(row), call, c.key}, stream ? c.relay : nullptr);
  if (!begun) return c.relay->fail(begun.error());
  if (stream) return;
  c.relay->begin(200, "application/json");
  c.relay->end(json::serialize(*begun));
}

void create(const creation& c, std::string body) {
  if (!c.relay->wanted()) return;
  const answer_identity who{random_name("resp"), unix_time(), draw_random()};
  auto request = parse_response_request(body, who.id, c.context.limits);
  if (!request) return c.relay->fail(request.error());
  if (!c.desk) {
    // What cannot be kept is not promised.
    request->store = false;
    request->shown["store"] = false;
    if (request->background || !request->previous.empty())
      return c.relay->fail(refuse(request->background ? "background" : "previous_response_id",
                                  "is not possible: this server keeps no responses (see --store)")
                               .value());
  }
  const auto call = std::make_shared<response_call>();
  if (!request->previous.empty()) {
    auto history = c.desk->conversation(request->previous, owner_of(c.key));
    if (!history) return c.relay->fail(history.error());
    call->history = std::move(*history);
  }
  call->frame = {request->shown, request->background, unix_time};
  const response_row row = row_for(c, who, *request);
  call->request = std::move(*request);
  if (call->request.background) return draw_in_background(c, row, std::move(body), call);
  draw(c, who, row, call);
}

/// What a GET of a response's events asks for.
struct following {
  std::shared_ptr<response_desk> desk;
  std::shared_ptr<answer_relay> relay;
  std::string id;
  std::int64_t owner = 0;
  std::uint64_t first = 0;
};

void follow(const following& f) {
  if (const auto live = f.desk->find_live(f.id, f.owner)) return live->follow(f.relay, f.first);
  const auto row = f.desk->find(f.id, f.owner);
  if (!row) return f.relay->fail(row.error());
  const auto events = f.desk->events(f.id);
  if (!events) return f.relay->fail(events.error());
  if (events->empty())
    return f.relay->fail(
        refuse("stream",
               "is only possible of a response that was asked for with background: true "
               "and stream: true")
            .value());
  std::size_t from = 0;
  for (std::uint64_t n = 0; n < f.first && from < events->size(); ++n) {
    const std::size_t end = events->find("\n\n", from);
    from = end == std::string::npos ? events->size() : end + 2;
  }
  f.relay->begin(200, "text/event-stream");
  f.relay->end(events->substr(from));
}

/// Of a client that follows: when it leaves, the response goes on.
class follower_watch final : public answer_watch {
 public:
  explicit follower_watch(std::shared_ptr<answer_relay> relay) : relay_(std::move(relay)) {}
  void on_hang_up() override { relay_->abandon(); }
  [[nodiscard]] std::string on_finished(int) override { return {}; }

 private:
  const std::shared_ptr<answer_relay> relay_;
};

/// The number of the first event that is wanted.
api_result<std::uint64_t> first_event(const http_request& request) {
  const auto& said = request.starting_after;
  if (!said) return 0;
  std::uint64_t number = 0;
  const char* const end = said->data() + said->size();
  const auto [stop, failed] = std::from_chars(said->data(), end, number);
  if (failed != std::errc() || stop != end || number >= UINT64_MAX)
    return refuse("starting_after", "must be the sequence number of the last event that came");
  return number + 1;
}

void stream_response(server_core& core, const std::shared_ptr<connection>& client, following f) {
  f.relay = std::make_shared<answer_relay>(core.io(), client, core.limits().output_bytes);
  const auto watch = std::make_shared<follower_watch>(f.relay);
  if (!core.pool().post([f] { follow(f); })) return client->respond(refusal(too_busy()));
  client->watch(watch);
}

answer retrieve(const response_desk& desk, const std::string& id, std::int64_t owner) {
  if (const auto live = desk.find_live(id, owner)) return as_answer(live->now());
  const auto row = desk.find(id, owner);
  if (!row) return refusal(row.error());
  return {200, "application/json", row->response, {}};
}

answer erase(response_desk& desk, const std::string& id, std::int64_t owner) {
  if (const auto done = desk.erase(id, owner); !done) return refusal(done.error());
  return as_answer(json::object{{"id", id}, {"object", "response"}, {"deleted", true}});
}

std::string_view id_of(const json::value& item) {
  const json::value* id = item.is_object() ? item.get_object().if_contains("id") : nullptr;
  const json::string* text = id == nullptr ? nullptr : id->if_string();
  return text == nullptr ? std::string_view() : std::string_view(text->data(), text->size());
}

/// All that went into a response, the newest first unless asked otherwise.
answer list_items(const response_desk& desk, const std::string& id, std::int64_t owner,
                  const list_window& window) {
  const auto row = desk.find(id, owner);
  if (!row) return refusal(row.error());
  json::array items;
  if (!row->previous.empty()) {
    // A conversation may have lost its beginning by now.
    if (auto before = desk.conversation(row->previous, owner)) items = std::move(*before);
  }
  const json::value own = parsed(row->input);
  if (own.is_array()) items.insert(items.end(), own.get_array().begin(), own.get_array().end());
  if (!window.oldest_first) std::reverse(items.begin(), items.end());
  std::size_t from = 0;
  if (!window.after.empty()) {
    while (from < items.size() && id_of(items[from]) != window.after) ++from;
    from = std::min(from + 1, items.size());
  }
  const std::size_t to = std::min<std::size_t>(items.size(), from + window.limit);
  json::array shown(items.begin() + static_cast<std::ptrdiff_t>(from),
                    items.begin() + static_cast<std::ptrdiff_t>(to));
  json::object out{{"object", "list"}, {"has_more", to < items.size()}};
  out["first_id"] =
      shown.empty() ? json::value(nullptr) : json::value(std::string(id_of(shown.front())));
  out["last_id"] =
      shown.empty() ? json::value(nullptr) : json::value(std::string(id_of(shown.back())));
  out["data"] = std::move(shown);
  return as_answer(out);
}

}  // namespace

void create_response(server_core& core, const std::shared_ptr<connection>& client,
                     const std::shared_ptr<live_key>& key) {
  if (const auto refused = refuse_beyond_limits(client->request(), key))
    return client->respond(*refused);
  creation c;
  c.desk = core.desk();
  c.relay = std::make_shared<answer_relay>(core.io(), client, core.limits().output_bytes);
  const completion_caller caller{key, core.backend().queue};
  c.watch = std::make_shared<completion_watch>(core.metrics(), c.relay, caller);
  c.service = core.backend().service;
  c.context = session_context(core.backend(), core.config(), key);
  c.context.tenant = caller.account();
  c.context.rank = caller.rank();
  c.context.admit = [watch = c.watch.get()](const generation_cost& cost) {
    return watch->admit(cost);
  };
  c.key = key;
  c.lifetime = static_cast<std::int64_t>(core.config().store.lifetime_seconds);
  const auto watch = c.watch;
  const bool posted =
      core.pool().post([c = std::move(c), body = client->take_body(),
                        lease = client->take_lease()]() mutable { create(c, std::move(body)); });
  if (!posted) return client->respond(refusal(too_busy()));
  client->watch(watch);
}

void answer_response(server_core& core, const std::shared_ptr<connection>& client,
                     const std::shared_ptr<live_key>& key) {
  const http_request& request = client->request();
  const routed found = find_route(request.method, request.path);
  const std::string id(found.argument);
  const auto desk = core.desk();
  if (!desk) return client->respond(refusal(no_such("response", id)));
  const std::int64_t owner = owner_of(key);
  if (found.target == route::response_cancel)
    return answer_from_pool(core, client, [desk, id, owner](std::string_view) {
      return as_answer(desk->cancel(id, owner));
    });
  if (found.target == route::response_items) {
    const auto window = read_window(request, 20, 100);
    if (!window) return client->respond(refusal(window.error()));
    return answer_from_pool(core, client, [desk, id, owner, window = *window](std::string_view) {
      return list_items(*desk, id, owner, window);
    });
  }
  if (request.method == "DELETE")
    return answer_from_pool(
        core, client, [desk, id, owner](std::string_view) { return erase(*desk, id, owner); });
  const auto stream = read_flag(request, "stream", false);
  if (!stream) return client->respond(refusal(stream.error()));
  const auto first = first_event(request);
  if (!first) return client->respond(refusal(first.error()));
  if (*stream) return stream_response(core, client, {desk, nullptr, id, owner, *first});
  answer_from_pool(core, client,
                   [desk, id, owner](std::string_view) { return retrieve(*desk, id, owner); });
}

}  // namespace troupe::gateway
