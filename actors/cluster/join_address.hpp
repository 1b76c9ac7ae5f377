#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/base/result.hpp"

namespace troupe {

/// Where a supervisor takes nodes in.
struct join_address {
  std::string host;
  std::uint16_t port = 0;
};

/// "host:port"; invalid_argument says what is wrong with it.
[[nodiscard]] result<join_address> parse_join_address(std::string_view text);

/// The numeric address of this machine from which packets to `to` leave: the one that others in
/// that network reach this machine at.
[[nodiscard]] result<std::string> local_address_towards(const join_address& to);

}  // namespace troupe
