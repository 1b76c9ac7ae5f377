#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "actors/gateway/client_stream.hpp"
#include "actors/gateway/deadline.hpp"

namespace troupe::gateway {

/// The sending side of a connection: whatever is handed over while bytes are on their way goes out
/// together afterwards. Io thread only.
class socket_writer {
 public:
  /// `done(true)` is called whenever everything has been sent, `done(false)` once when the client
  /// is gone or has taken nothing for `timeout`.
  socket_writer(client_stream& stream, std::chrono::milliseconds timeout,
                std::function<void(bool)> done);

  /// `owner` keeps the stream and this object alive until the bytes are out.
  void send(const std::shared_ptr<void>& owner, std::string_view bytes);
  [[nodiscard]] std::size_t unsent() const { return waiting_.size() + moving_.size() - moved_; }
  /// Forgets what has not been sent, and calls `done` no more.
  void abandon();

 private:
  void flush(const std::shared_ptr<void>& owner);
  void write(const std::shared_ptr<void>& owner);

  client_stream& stream_;
  std::chrono::milliseconds timeout_;
  std::function<void(bool)> done_;
  deadline stalled_;
  std::string waiting_;
  std::string moving_;
  std::size_t moved_ = 0;
  bool scheduled_ = false;
  bool abandoned_ = false;
};

}  // namespace troupe::gateway
