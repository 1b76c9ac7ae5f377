#pragma once

#include <fmt/format.h>

#include <tl/expected.hpp>
#include <utility>

#include "runtime/base/error.hpp"

namespace troupe {

/// A value or the error that kept it from being. Mark functions that return one [[nodiscard]].
template <class T>
using result = tl::expected<T, error>;

/// Builds the failing side of a result: `return fail(errc::corrupt, "tensor {}: {} bytes", name,
/// n);`
template <class... Args>
[[nodiscard]] tl::unexpected<error> fail(errc code, fmt::format_string<Args...> format,
                                         Args&&... args) {
  return tl::unexpected<error>(error(code, fmt::format(format, std::forward<Args>(args)...)));
}

/// Passes an error on: `if (!file) return fail(std::move(file.error()));`
[[nodiscard]] inline tl::unexpected<error> fail(error e) {
  return tl::unexpected<error>(std::move(e));
}

}  // namespace troupe
