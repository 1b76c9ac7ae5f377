#include "actors/gateway/live_response.hpp"

#include <boost/json/serialize.hpp>
#include <utility>

#include "runtime/api/event_frame.hpp"

namespace troupe::gateway {
namespace json = boost::json;
namespace {

constexpr std::string_view frame_end = "\n\n";

}  // namespace

live_response::live_response(json::object queued, std::function<void()> over)
    : over_(std::move(over)), queued_(std::move(queued)) {}

bool live_response::write(std::string bytes) {
  const std::scoped_lock lock(mutex_);
  if (given_up_) return false;
  for (std::size_t from = 0; from < bytes.size();) {
    const std::size_t end = bytes.find(frame_end, from);
    const std::size_t size = end == std::string::npos ? bytes.size() - from : end + 2 - from;
    const bool known = drawn_++ < events_.size();
    if (!known) (final_ ? last_ : events_).push_back(bytes.substr(from, size));
    from += size;
  }
  pass_on();
  return true;
}

void live_response::end(std::string last) {
  if (write(std::move(last))) over_();
}

void live_response::fail(const api_error& e) {
  {
    const std::scoped_lock lock(mutex_);
    if (given_up_) return;
    failure_ = e;
  }
  over_();
}

void live_response::on_item(const json::object& item) {
  const std::scoped_lock lock(mutex_);
  items_.push_back(item);
}

void live_response::on_end(json::object response) {
  const std::scoped_lock lock(mutex_);
  final_ = std::move(response);
}

void live_response::on_failure(json::object response, const api_error& why) {
  const std::scoped_lock lock(mutex_);
  final_ = std::move(response);
  failure_ = why;
}

void live_response::restart() {
  std::shared_ptr<completion_session> former;
  const std::scoped_lock lock(mutex_);
  if (given_up_) return;
  former = std::move(session_);
  items_.clear();
  final_.reset();
  failure_.reset();
  last_.clear();
  drawn_ = 0;
}

void live_response::attach(std::shared_ptr<completion_session> session) {
  {
    const std::scoped_lock lock(mutex_);
    if (!given_up_ && !final_ && !failure_) {
      session_ = std::move(session);
      return;
    }
    if (!given_up_) return;
  }
  if (session) session->cancel();
}

void live_response::give_up() {
  std::shared_ptr<completion_session> session;
  {
    const std::scoped_lock lock(mutex_);
    given_up_ = true;
    session = std::move(session_);
  }
  if (session) session->cancel();
}

std::optional<api_error> live_response::failure() const {
  const std::scoped_lock lock(mutex_);
  return failure_;
}

json::object live_response::now() const {
  const std::scoped_lock lock(mutex_);
  if (final_ && ended_) return *final_;
  json::object out = queued_;
  if (!events_.empty()) out["status"] = "in_progress";
  out["output"] = items_;
  return out;
}

json::object live_response::outcome() const {
  const std::scoped_lock lock(mutex_);
  return final_.value_or(queued_);
}

std::string live_response::events() const {
  const std::scoped_lock lock(mutex_);
  std::string out;
  for (const auto* list : {&events_, &last_})
    for (const std::string& event : *list) out += event;
  return out;
}

void live_response::conclude(json::object response, std::string_view event) {
  const std::scoped_lock lock(mutex_);
  const json::object told{{"type", json::string_view(event.data(), event.size())},
                          {"sequence_number", events_.size()},
                          {"response", response}};
  last_ = {event_frame(json::serialize(told), event)};
  final_ = std::move(response);
}

void live_response::publish() {
  std::shared_ptr<completion_session> session;
  const std::scoped_lock lock(mutex_);
  session = std::move(session_);
  for (std::string& event : last_) events_.push_back(std::move(event));
  last_.clear();
  ended_ = true;
  pass_on();
}

void live_response::follow(const std::shared_ptr<answer_relay>& relay, std::uint64_t first) {
  const std::scoped_lock lock(mutex_);
  relay->begin(200, "text/event-stream");
  followers_.push_back({relay, static_cast<std::size_t>(first)});
  pass_on();
}

void live_response::pass_on() {
  std::erase_if(followers_, [this](follower& f) {
    std::string bytes;
    for (; f.next < events_.size(); ++f.next) bytes += events_[f.next];
    if (ended_) {
      f.relay->end(std::move(bytes));
      return true;
    }
    return (!bytes.empty() && !f.relay->write(std::move(bytes))) || !f.relay->wanted();
  });
}

}  // namespace troupe::gateway
