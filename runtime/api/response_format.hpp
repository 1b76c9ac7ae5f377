#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "runtime/api/answer_format.hpp"

namespace troupe {

/// Hears what becomes of a response, before the bytes that say so are written. Called as the
/// session's sink is; must not block.
class response_watcher {
 public:
  response_watcher() = default;
  response_watcher(const response_watcher&) = delete;
  response_watcher& operator=(const response_watcher&) = delete;
  virtual ~response_watcher() = default;

  /// An item of the output is complete.
  virtual void on_item(const boost::json::object& item) = 0;
  /// The response has ended: completed or incomplete. Nothing follows.
  virtual void on_end(boost::json::object response) = 0;
  /// It has failed in the middle. Nothing follows.
  virtual void on_failure(boost::json::object response, const api_error& why) = 0;
};

/// What a response says of its request, whatever becomes of it.
struct response_frame {
  boost::json::object shown;          ///< as response_request::shown
  bool queued = false;                ///< its events begin with response.queued
  std::function<std::int64_t()> now;  ///< seconds since 1970; any thread
};

/// A response without output: `status` is "queued", "in_progress", "cancelled" ...
[[nodiscard]] boost::json::object response_object(const response_frame& frame, std::string_view id,
                                                  std::int64_t created, std::string_view model,
                                                  std::string_view status);
/// The same, failed.
[[nodiscard]] boost::json::object failed_response(boost::json::object response, const api_error& e);

/// The typed events of one response, numbered from 0; frames of it hold several. It is always a
/// stream, of one choice: who wants the whole response has it from the watcher.
[[nodiscard]] std::unique_ptr<answer_format> make_response_format(
    answer_header header, response_frame frame, std::shared_ptr<response_watcher> watcher);

}  // namespace troupe
