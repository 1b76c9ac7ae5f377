#include "actors/gateway/response_desk.hpp"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <utility>

namespace troupe::gateway {
namespace json = boost::json;
namespace {

constexpr std::size_t most_jobs = 16'384;
constexpr std::uint32_t most_attempts = 1'000;
constexpr std::chrono::seconds first_pause{1};
constexpr std::chrono::seconds longest_pause{30};
constexpr std::chrono::minutes purge_interval{1};

/// Later it may go well.
bool passes(const api_error& e) {
  return (e.status == 429 && e.code != "insufficient_quota") || e.status == 503;
}

api_error as_error(const error& e) { return to_api_error(e); }

api_error too_many(std::uint32_t most) {
  api_error e = as_error({errc::exhausted, fmt::format("{} responses run in the background "
                                                       "already, as many as may",
                                                       most)});
  e.code = "too_many_background_responses";
  return e;
}

json::object parsed(const std::string& text) {
  boost::system::error_code failed;
  json::value v = json::parse(text, failed);
  return failed || !v.is_object() ? json::object() : std::move(v.get_object());
}

}  // namespace

api_error no_such(std::string_view kind, std::string_view id) {
  return to_api_error({errc::not_found, fmt::format("there is no {} '{}'", kind, id)});
}

response_desk::response_desk(std::shared_ptr<object_file> file, const store_config& limits,
                             std::shared_ptr<const session_source> sessions)
    : file_(std::move(file)), limits_(limits), sessions_(std::move(sessions)), worker_(most_jobs) {}

response_desk::~response_desk() { stop(); }

void response_desk::stop() {
  std::map<std::string, std::shared_ptr<running>> left;
  {
    const std::scoped_lock lock(mutex_);
    stopped_ = true;
    left = std::exchange(running_, {});
  }
  for (const auto& [id, r] : left) r->live->give_up();
  worker_.stop();
  sessions_.reset();
}

std::shared_ptr<response_desk::running> response_desk::enter(const response_order& order) {
  auto r = std::make_shared<running>();
  r->order = order;
  json::object queued = response_object(order.call->frame, order.row.id, order.row.created,
                                        sessions_->model().id, "queued");
  r->live = std::make_shared<live_response>(std::move(queued),
                                            [weak = weak_from_this(), id = order.row.id] {
                                              if (const auto self = weak.lock()) self->on_over(id);
                                            });
  order.call->watcher = r->live;
  const std::scoped_lock lock(mutex_);
  if (stopped_ || running_.size() >= limits_.background) return nullptr;
  running_[order.row.id] = r;
  return r;
}

api_result<json::object> response_desk::begin(const response_order& order,
                                              const std::shared_ptr<answer_relay>& relay) {
  const auto r = enter(order);
  if (!r) return tl::unexpected(too_many(limits_.background));
  json::object first = r->live->now();
  response_row row = order.row;
  row.running = true;
  row.response = json::serialize(first);
  const auto kept = file_->with(
      [&](sqlite::database& in) { return put_response(in, row, {}, limits_.responses); });
  if (!kept) {
    (void)remove(row.id, row.owner);
    return tl::unexpected(as_error(kept.error()));
  }
  if (!draw(r)) {
    const auto why = r->live->failure();
    (void)erase(row.id, row.owner);
    return tl::unexpected(why.value_or(api_error{}));
  }
  if (relay) r->live->follow(relay, 0);
  return first;
}

bool response_desk::draw(const std::shared_ptr<running>& r) {
  ++r->attempts;
  r->live->restart();
  const unattended_session made = sessions_->background(r->order.key);
  const response_row& row = r->order.row;
  completion_call call{api_protocol::responses, {}};
  call.identity = answer_identity{row.id, row.created, row.seed};
  call.response = r->order.call;
  const auto session = completion_session::begin(made.context, call, r->live, made.watch);
  if (session) r->live->attach(session);
  const auto failed = r->live->failure();
  return session || !failed || passes(*failed);
}

void response_desk::on_over(const std::string& id) {
  std::shared_ptr<running> r;
  {
    const std::scoped_lock lock(mutex_);
    const auto found = running_.find(id);
    if (found == running_.end()) return;
    r = found->second;
  }
  // From the engine's thread: neither the disk nor another session is waited for here.
  (void)worker_.post([self = shared_from_this(), r] { self->finish(r); });
}

void response_desk::finish(const std::shared_ptr<running>& r) {
  const auto failed = r->live->failure();
  if (failed && passes(*failed) && r->attempts < most_attempts) return draw_later(r);
  if (failed) {
    json::object response =
        failed_response(response_object(r->order.call->frame, r->order.row.id, r->order.row.created,
                                        sessions_->model().id, "failed"),
                        *failed);
    r->live->conclude(response, "response.failed");
    return settle(r, std::move(response));
  }
  settle(r, r->live->outcome());
}

void response_desk::draw_later(const std::shared_ptr<running>& r) {
  const auto pause = std::min(first_pause * r->attempts, longest_pause);
  (void)worker_.post(
      [self = shared_from_this(), r] {
        if (!self->find_live(r->order.row.id, r->order.row.owner)) return;
        (void)self->draw(r);  // on_over hears how it went
      },
      pause);
}

void response_desk::settle(const std::shared_ptr<running>& r, json::object response) {
  const std::scoped_lock ending(ending_);
  response_row row = r->order.row;
  if (find_running(row.id, row.owner) != r) return;  // cancelled or erased meanwhile
  row.running = false;
  row.request.clear();
  row.response = json::serialize(response);
  const std::string events = row.streamed ? r->live->events() : std::string();
  const auto kept = file_->with(
      [&](sqlite::database& in) { return put_response(in, row, events, limits_.responses); });
  // What the disk does not take is drawn again by the next server.
  if (!kept)
    r->live->conclude(failed_response(std::move(response), as_error(kept.error())),
                      "response.failed");
  (void)remove(row.id, row.owner);
  r->live->publish();
}

void response_desk::keep(response_row row, const json::object& response,
                         std::function<void(const result<void>&)> then) {
  row.response = json::serialize(response);
  // Shared, as it is called here where the job is not taken.
  const auto told = std::make_shared<std::function<void(const result<void>&)>>(std::move(then));
  const bool posted = worker_.post([self = shared_from_this(), row = std::move(row), told] {
    (*told)(self->file_->with(
        [&](sqlite::database& in) { return put_response(in, row, {}, self->limits_.responses); }));
  });
  if (!posted)
    (*told)(fail(errc::exhausted, "too many responses wait for the disk already; try again"));
}

std::shared_ptr<response_desk::running> response_desk::find_running(const std::string& id,
                                                                    std::int64_t owner) const {
  const std::scoped_lock lock(mutex_);
  const auto found = running_.find(id);
  if (found == running_.end() || found->second->order.row.owner != owner) return nullptr;
  return found->second;
}

std::shared_ptr<live_response> response_desk::find_live(const std::string& id,
                                                        std::int64_t owner) const {
  const auto r = find_running(id, owner);
  return r ? r->live : nullptr;
}

std::shared_ptr<response_desk::running> response_desk::remove(const std::string& id,
                                                              std::int64_t owner) {
  const std::scoped_lock lock(mutex_);
  const auto found = running_.find(id);
  if (found == running_.end() || found->second->order.row.owner != owner) return nullptr;
  auto r = found->second;
  running_.erase(found);
  return r;
}

api_result<response_row> response_desk::find(const std::string& id, std::int64_t owner) const {
  auto row =
      file_->with([&](sqlite::database& in) { return find_response(in, id, owner, unix_time()); });
  if (!row) return tl::unexpected(as_error(row.error()));
  if (!*row) return tl::unexpected(no_such("response", id));
  return std::move(**row);
}

api_result<json::array> response_desk::conversation(const std::string& id,
                                                    std::int64_t owner) const {
  auto items = file_->with([&](sqlite::database& in) {
    return conversation_of(in, id, owner, unix_time(), api_limits{}.messages);
  });
  if (items) return std::move(*items);
  api_error e = as_error(items.error());
  e.param = "previous_response_id";
  if (e.status == 404) e.code = "previous_response_not_found";
  return tl::unexpected(std::move(e));
}

api_result<std::string> response_desk::events(const std::string& id) const {
  auto text = file_->with([&](sqlite::database& in) { return events_of(in, id); });
  if (!text) return tl::unexpected(as_error(text.error()));
  return std::move(*text);
}

api_result<json::object> response_desk::cancel(const std::string& id, std::int64_t owner) {
  const std::scoped_lock ending(ending_);
  const auto r = find_running(id, owner);
  if (!r) {
    auto row = find(id, owner);
    if (!row) return tl::unexpected(row.error());
    json::object response = parsed(row->response);
    const json::value* background = response.if_contains("background");
    if (background == nullptr || *background != true)
      return tl::unexpected(
          refuse("response_id", "is not of a response that runs in the background").value());
    return response;
  }
  r->live->give_up();
  json::object response = r->live->now();
  response["status"] = "cancelled";
  r->live->conclude(response, "response.incomplete");
  response_row row = r->order.row;
  row.request.clear();
  row.response = json::serialize(response);
  const std::string events = row.streamed ? r->live->events() : std::string();
  const auto kept = file_->with(
      [&](sqlite::database& in) { return put_response(in, row, events, limits_.responses); });
  (void)remove(id, owner);
  r->live->publish();
  if (!kept) return tl::unexpected(as_error(kept.error()));
  return response;
}

api_result<void> response_desk::erase(const std::string& id, std::int64_t owner) {
  const std::scoped_lock ending(ending_);
  if (const auto r = remove(id, owner)) {
    r->live->give_up();
    r->live->publish();
  }
  const auto erased =
      file_->with([&](sqlite::database& in) { return erase_response(in, id, owner); });
  if (!erased) return tl::unexpected(as_error(erased.error()));
  if (!*erased) return tl::unexpected(no_such("response", id));
  return {};
}

void response_desk::take_over(
    const std::function<api_result<std::shared_ptr<live_key>>(std::int64_t)>& recognise) {
  const auto rows = file_->with([](sqlite::database& in) { return running_responses(in); });
  if (rows)
    for (const response_row& row : *rows)
      (void)worker_.post(
          [self = shared_from_this(), row, recognise] { self->revive(row, recognise); });
  (void)worker_.post([self = weak_from_this()] {
    if (const auto desk = self.lock()) desk->purge();
  });
}

void response_desk::revive(
    response_row row,
    const std::function<api_result<std::shared_ptr<live_key>>(std::int64_t)>& recognise) {
  const auto give_up = [&](const api_error& why) {
    row.running = false;
    row.request.clear();
    row.response = json::serialize(failed_response(parsed(row.response), why));
    (void)file_->with(
        [&](sqlite::database& in) { return put_response(in, row, {}, limits_.responses); });
  };
  auto request = parse_response_request(row.request, row.id);
  if (!request) return give_up(request.error());
  json::array history;
  if (!row.previous.empty()) {
    auto before = conversation(row.previous, row.owner);
    if (!before) return give_up(before.error());
    history = std::move(*before);
  }
  auto key = recognise(row.owner);
  if (!key) return give_up(key.error());
  const auto call = std::make_shared<response_call>();
  call->frame = {request->shown, true, unix_time};
  call->request = std::move(*request);
  call->history = std::move(history);
  const auto r = enter({row, call, std::move(*key)});
  if (!r) return;  // the next server finds it
  (void)draw(r);   // on_over hears how it went
}

void response_desk::purge() {
  (void)file_->with([](sqlite::database& in) { return drop_expired_responses(in, unix_time()); });
  (void)worker_.post(
      [self = weak_from_this()] {
        if (const auto desk = self.lock()) desk->purge();
      },
      purge_interval);
}

}  // namespace troupe::gateway
