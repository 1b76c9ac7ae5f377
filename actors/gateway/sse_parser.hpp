#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace troupe::gateway {

/// Cuts a byte stream into server-sent events. Only `data` fields matter here; comments, ids and
/// event names are skipped.
class sse_parser {
 public:
  using on_data = std::function<bool(std::string_view data)>;

  explicit sse_parser(std::size_t event_limit = 16U << 20U) : limit_(event_limit) {}

  /// Calls `emit` for every event that `bytes` completes. False once `emit` has returned false or
  /// an event is longer than the limit.
  [[nodiscard]] bool feed(std::string_view bytes, const on_data& emit);

 private:
  [[nodiscard]] bool take_line(std::string_view line, const on_data& emit);

  std::size_t limit_;
  std::string line_;
  std::string data_;
  bool has_data_ = false;
};

}  // namespace troupe::gateway
