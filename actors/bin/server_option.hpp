#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "actors/bin/http_call.hpp"
#include "runtime/base/result.hpp"

namespace troupe::cli {

/// The running server that a command asks, and the key to show it.
struct server_option {
  std::string url = "http://127.0.0.1:8080";
  std::string key;  ///< empty: none

  /// Adds --url and --key, which TROUPE_API_KEY stands in for; this must outlive the parse.
  void add_to(CLI::App& command);
  /// Fails with invalid_argument where the url is none.
  [[nodiscard]] result<server_address> address() const;
};

/// Fails where the server does not let this key ask what a command has asked.
[[nodiscard]] result<void> check_let_in(const http_reply& reply);

}  // namespace troupe::cli
