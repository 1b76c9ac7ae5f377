#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

#include "runtime/base/error.hpp"

namespace troupe {

/// A refused or failed HTTP request: the status and what OpenAI's error object says.
struct api_error {
  int status = 400;
  std::string message;  ///< one line for a person: what, which and why
  std::string type = "invalid_request_error";
  std::string param;                      ///< the parameter at fault; empty is written as null
  std::string code;                       ///< a word for programs; empty is written as null
  std::uint32_t retry_after_seconds = 0;  ///< for the Retry-After header; 0 means no such header

  /// `{"error":{"message":...,"type":...,"param":...,"code":...}}`
  [[nodiscard]] std::string body() const;

  friend bool operator==(const api_error&, const api_error&) = default;
};

/// A value, or the answer to give instead.
template <class T>
using api_result = tl::expected<T, api_error>;

/// The engine's error as an HTTP answer: exhausted is 429, unavailable 503, the caller's mistakes
/// 400, everything else 500.
[[nodiscard]] api_error to_api_error(const error& e);

/// 400 for one parameter: `return refuse("top_p", "must be in (0, 1], got {}", x);` says
/// "top_p must be in (0, 1], got 2".
template <class... Args>
[[nodiscard]] tl::unexpected<api_error> refuse(std::string_view param,
                                               fmt::format_string<Args...> format, Args&&... args) {
  api_error e;
  e.param = param;
  e.message = fmt::format("{} {}", param, fmt::format(format, std::forward<Args>(args)...));
  return tl::unexpected<api_error>(std::move(e));
}

/// 404 for a path the server does not have.
[[nodiscard]] api_error unknown_path(std::string_view method, std::string_view path);
/// 404 for a model other than the one served.
[[nodiscard]] api_error unknown_model(std::string_view asked, std::string_view served);
/// 413 for a body longer than the server reads.
[[nodiscard]] api_error body_too_large(std::size_t limit_bytes);

}  // namespace troupe
