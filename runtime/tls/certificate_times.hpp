#pragma once

#include <chrono>
#include <string>

#include "runtime/base/result.hpp"

namespace troupe {

/// From when until when a certificate is good.
struct certificate_times {
  std::chrono::system_clock::time_point from;
  std::chrono::system_clock::time_point until;
};

/// Of the first certificate of a PEM file. io_error: it cannot be read; corrupt: it holds none.
[[nodiscard]] result<certificate_times> read_certificate_times(const std::string& file);

}  // namespace troupe
