#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "actors/gateway/answer_relay.hpp"
#include "runtime/api/completion_session.hpp"
#include "runtime/api/response_format.hpp"
#include "runtime/api/response_sink.hpp"

namespace troupe::gateway {

/// A response that is drawn in the background: keeps its events, which any number of clients may
/// follow from any one on. Where its session fails, another one may draw it again: equal events are
/// told once. Any thread.
class live_response final : public response_sink, public response_watcher {
 public:
  /// `over` is called once for each session that came to an end, a good one or not, unless the
  /// response was given up before.
  live_response(boost::json::object queued, std::function<void()> over);

  void begin(int, std::string_view) override {}
  [[nodiscard]] bool write(std::string bytes) override;
  void end(std::string last) override;
  void fail(const api_error& e) override;
  void on_item(const boost::json::object& item) override;
  void on_end(boost::json::object response) override;
  void on_failure(boost::json::object response, const api_error& why) override;

  /// A session is about to draw it, from its beginning.
  void restart();
  /// What draws it; cancelled at once where the response was given up.
  void attach(std::shared_ptr<completion_session> session);
  /// Nobody wants it any more: cancels its session, after which `over` is not called.
  void give_up();

  /// Why the last session failed; none where it did not.
  [[nodiscard]] std::optional<api_error> failure() const;
  /// As it stands: in progress, with the items that are complete, until it has ended.
  [[nodiscard]] boost::json::object now() const;
  /// What its last session has made of it.
  [[nodiscard]] boost::json::object outcome() const;
  /// All events, once it has ended.
  [[nodiscard]] std::string events() const;
  /// It ends as this, with an event that says so.
  void conclude(boost::json::object response, std::string_view event);
  /// The end is kept, and may be told.
  void publish();

  /// Tells the events from number `first` on, those to come too.
  void follow(const std::shared_ptr<answer_relay>& relay, std::uint64_t first);

 private:
  struct follower {
    std::shared_ptr<answer_relay> relay;
    std::size_t next;
  };
  void pass_on();

  const std::function<void()> over_;
  mutable std::mutex mutex_;
  boost::json::object queued_;
  boost::json::array items_;
  std::optional<boost::json::object> final_;
  std::optional<api_error> failure_;
  std::vector<std::string> events_;
  std::vector<std::string> last_;  ///< of the end, not to be told before it is kept
  std::size_t drawn_ = 0;          ///< events of this session
  std::vector<follower> followers_;
  std::shared_ptr<completion_session> session_;
  bool ended_ = false;  ///< published
  bool given_up_ = false;
};

}  // namespace troupe::gateway
