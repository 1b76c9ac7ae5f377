#pragma once

#include <string>
#include <string_view>

#include "runtime/api/api_error.hpp"

namespace troupe {

/// Where a session writes one HTTP answer; the server behind it only moves bytes.
///
/// Calls come one at a time, from whichever thread brought the tokens, in this order: either fail
/// alone, or begin, write any number of times, end. They must not block and must not call back into
/// the session: a client that is gone or too slow is reported by returning false from write.
class response_sink {
 public:
  response_sink() = default;
  response_sink(const response_sink&) = delete;
  response_sink& operator=(const response_sink&) = delete;
  virtual ~response_sink() = default;

  /// Status and Content-Type: "application/json" (the body comes with end) or
  /// "text/event-stream" (each write is whole frames).
  virtual void begin(int status, std::string_view content_type) = 0;
  /// Bytes of the body. False when they cannot be delivered (connection gone, or the sink's buffer
  /// is full): the session then cancels its work and calls nothing more.
  [[nodiscard]] virtual bool write(std::string bytes) = 0;
  /// The body is complete with these bytes, which may be none. They come with the end, as a client
  /// that has read the last of an answer may leave before anything else is known of it.
  virtual void end(std::string last) = 0;
  /// The whole answer is this error: status, error.body(), and Retry-After where it is set.
  virtual void fail(const api_error& error) = 0;
};

}  // namespace troupe
