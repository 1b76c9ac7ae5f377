#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/api/api_error.hpp"

namespace troupe::gateway {

/// One field of a form.
struct form_part {
  std::string name;
  std::optional<std::string> file_name;  ///< of a file
  std::string_view content;              ///< within the body
};

/// Reads a body of multipart/form-data (RFC 7578). Refuses whatever could be read in two ways: a
/// boundary that is none, a part without a name, one without an end, names twice, more than 16
/// parts, a part's header of more than 8 KiB.
[[nodiscard]] api_result<std::vector<form_part>> parse_form(std::string_view content_type,
                                                            std::string_view body);

}  // namespace troupe::gateway
