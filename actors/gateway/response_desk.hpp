#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "actors/gateway/door.hpp"
#include "actors/gateway/live_response.hpp"
#include "actors/gateway/server_config.hpp"
#include "actors/gateway/session_context.hpp"
#include "actors/gateway/timed_worker.hpp"
#include "runtime/objects/object_file.hpp"
#include "runtime/objects/response_table.hpp"

namespace troupe::gateway {

/// A response that somebody asked for.
struct response_order {
  response_row row;  ///< without the response itself
  std::shared_ptr<response_call> call;
  std::shared_ptr<live_key> key;  ///< null: there are no keys
};

/// Keeps responses, and draws those that run in the background: what a server was killed over is
/// drawn again by the next one from the same seed, and thus comes out the same. Where the engine is
/// busy they wait. Any thread that may be held up by a disk.
class response_desk : public std::enable_shared_from_this<response_desk> {
 public:
  response_desk(std::shared_ptr<object_file> file, const store_config& limits,
                std::shared_ptr<const session_source> sessions);
  response_desk(const response_desk&) = delete;
  response_desk& operator=(const response_desk&) = delete;
  /// See stop().
  ~response_desk();

  /// Draws what another server has left. Once. `recognise` tells the key with an id.
  void take_over(
      const std::function<api_result<std::shared_ptr<live_key>>(std::int64_t)>& recognise);
  /// Ends what is under way; the next server draws it again. No other call may be under way or
  /// follow, but those of sessions.
  void stop();

  /// Begins a response in the background, and follows it with `relay` where that is not null. What
  /// it is at first, or why it is refused.
  [[nodiscard]] api_result<boost::json::object> begin(const response_order& order,
                                                      const std::shared_ptr<answer_relay>& relay);
  /// Keeps a response that has ended; `then` is called once.
  void keep(response_row row, const boost::json::object& response,
            std::function<void(const result<void>&)> then);

  /// One that is under way; null: there is none.
  [[nodiscard]] std::shared_ptr<live_response> find_live(const std::string& id,
                                                         std::int64_t owner) const;
  /// One that is kept.
  [[nodiscard]] api_result<response_row> find(const std::string& id, std::int64_t owner) const;
  /// The items of the conversation up to a response.
  [[nodiscard]] api_result<boost::json::array> conversation(const std::string& id,
                                                            std::int64_t owner) const;
  [[nodiscard]] api_result<std::string> events(const std::string& id) const;
  /// Ends one in the background; one that has ended stays as it is. What it is now.
  [[nodiscard]] api_result<boost::json::object> cancel(const std::string& id, std::int64_t owner);
  /// Forgets one, and ends it where it is under way.
  [[nodiscard]] api_result<void> erase(const std::string& id, std::int64_t owner);

 private:
  struct running {
    response_order order;
    std::shared_ptr<live_response> live;
    std::uint32_t attempts = 0;
  };

  [[nodiscard]] std::shared_ptr<running> enter(const response_order& order);
  /// False: it is refused for good, as its failure() says.
  bool draw(const std::shared_ptr<running>& r);
  void on_over(const std::string& id);
  void finish(const std::shared_ptr<running>& r);
  void draw_later(const std::shared_ptr<running>& r);
  void settle(const std::shared_ptr<running>& r, boost::json::object response);
  [[nodiscard]] std::shared_ptr<running> find_running(const std::string& id,
                                                      std::int64_t owner) const;
  std::shared_ptr<running> remove(const std::string& id, std::int64_t owner);
  void revive(response_row row,
              const std::function<api_result<std::shared_ptr<live_key>>(std::int64_t)>& recognise);
  void purge();

  const std::shared_ptr<object_file> file_;
  const store_config limits_;
  /// Null once stopped: whoever lets go of this last must not let go of the engine's queue, too.
  std::shared_ptr<const session_source> sessions_;
  std::mutex ending_;  ///< held while one of them ends, the disk included
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<running>> running_;
  bool stopped_ = false;
  timed_worker worker_;
};

/// 404 in the words of a kind of things: "response", "file", "batch".
[[nodiscard]] api_error no_such(std::string_view kind, std::string_view id);

}  // namespace troupe::gateway
