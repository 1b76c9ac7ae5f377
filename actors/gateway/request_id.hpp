#pragma once

#include <string>
#include <string_view>

namespace troupe::gateway {

/// A name for one HTTP request, in logs and in the x-request-id header: the client's own where it
/// is 1 to 128 letters, digits or any of "-_.:", otherwise "req-" and 32 random hexadecimal digits.
/// Any thread.
[[nodiscard]] std::string request_name(std::string_view offered);

}  // namespace troupe::gateway
