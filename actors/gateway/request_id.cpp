#include "actors/gateway/request_id.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <random>

namespace troupe::gateway {
namespace {

bool plain(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
         c == '_' || c == '.' || c == ':';
}

std::uint64_t draw(std::random_device& source) {
  return (std::uint64_t{source()} << 32U) | source();
}

}  // namespace

std::string request_name(std::string_view offered) {
  if (!offered.empty() && offered.size() <= 128 &&
      std::all_of(offered.begin(), offered.end(), plain))
    return std::string(offered);
  std::random_device source;
  const std::uint64_t high = draw(source);
  return fmt::format("req-{:016x}{:016x}", high, draw(source));
}

}  // namespace troupe::gateway
