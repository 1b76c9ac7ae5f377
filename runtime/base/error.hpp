#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace troupe {

/// The one table of error codes. Foreign codes (errno, CAF, UCX, CUDA) are mapped at the edge.
enum class errc : std::uint8_t {
  invalid_argument = 1,  ///< a value the caller gave is wrong; nothing was changed
  not_found,             ///< a file, model, request or key that does not exist
  already_exists,
  out_of_range,       ///< a number outside what is allowed (context too long, index past the end)
  unsupported,        ///< valid, but not something this build can do
  corrupt,            ///< data that contradicts itself or its format
  io_error,           ///< the operating system refused; the message carries its reason
  out_of_memory,      ///< weights or KV do not fit
  exhausted,          ///< a bounded queue is full; try again later
  unavailable,        ///< not ready yet, or shutting down
  deadline_exceeded,  ///< a wait ended without an answer
  cancelled,
  stale_epoch,     ///< an older placement's message
  address_in_use,  ///< a port that another process holds
  internal,        ///< a defect in troupe
};

[[nodiscard]] std::string_view to_string(errc code);

/// A failure as a value: the code to act on and one line for a person, saying what, which and why.
class error {
 public:
  error(errc code, std::string message) : code_(code), message_(std::move(message)) {}

  [[nodiscard]] errc code() const { return code_; }
  [[nodiscard]] const std::string& message() const { return message_; }
  /// The same error, seen from further out: "context: message".
  [[nodiscard]] error within(std::string_view context) const;

  friend bool operator==(const error&, const error&) = default;

 private:
  errc code_;
  std::string message_;
};

}  // namespace troupe
