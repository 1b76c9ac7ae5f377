#pragma once

#include <boost/json/object.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/api/response_format.hpp"
#include "runtime/api/response_sink.hpp"
#include "runtime/base/result.hpp"

namespace troupe::gateway {

/// Between a response's session and the client that waits for it: passes the events on, or keeps
/// them back where the client wants the whole response, and lets the end through once the response
/// is kept.
class response_keeper final : public response_sink,
                              public response_watcher,
                              public std::enable_shared_from_this<response_keeper> {
 public:
  /// Takes a response that has ended, and calls `then` once from any thread.
  using keeper = std::function<void(boost::json::object response,
                                    std::function<void(const result<void>&)> then)>;

  response_keeper(std::shared_ptr<response_sink> to, bool stream, keeper keep);

  void begin(int status, std::string_view content_type) override;
  [[nodiscard]] bool write(std::string bytes) override;
  void end(std::string last) override;
  void fail(const api_error& e) override { to_->fail(e); }

  void on_item(const boost::json::object&) override {}
  void on_end(boost::json::object response) override { final_ = std::move(response); }
  void on_failure(boost::json::object response, const api_error& why) override;

 private:
  void tell_end(const std::string& whole, const result<void>& kept);

  const std::shared_ptr<response_sink> to_;
  const bool stream_;
  const keeper keep_;
  std::optional<boost::json::object> final_;
  std::optional<api_error> failure_;
  std::string held_;  ///< the last events
};

}  // namespace troupe::gateway
