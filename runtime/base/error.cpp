#include "runtime/base/error.hpp"

namespace troupe {

std::string_view to_string(errc code) {
  switch (code) {
    case errc::invalid_argument:
      return "invalid_argument";
    case errc::not_found:
      return "not_found";
    case errc::already_exists:
      return "already_exists";
    case errc::out_of_range:
      return "out_of_range";
    case errc::unsupported:
      return "unsupported";
    case errc::corrupt:
      return "corrupt";
    case errc::io_error:
      return "io_error";
    case errc::out_of_memory:
      return "out_of_memory";
    case errc::exhausted:
      return "exhausted";
    case errc::unavailable:
      return "unavailable";
    case errc::deadline_exceeded:
      return "deadline_exceeded";
    case errc::cancelled:
      return "cancelled";
    case errc::stale_epoch:
      return "stale_epoch";
    case errc::address_in_use:
      return "address_in_use";
    case errc::internal:
      return "internal";
  }
  return "unknown";
}

error error::within(std::string_view context) const {
  std::string text(context);
  text += ": ";
  text += message_;
  return {code_, std::move(text)};
}

}  // namespace troupe
