#include "runtime/cache/block_key.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <vector>

#include "runtime/base/sha256.hpp"

namespace troupe {
namespace {

block_key first_half(const sha256_digest& digest) {
  block_key key;
  std::copy_n(digest.begin(), key.bytes.size(), key.bytes.begin());
  return key;
}

}  // namespace

std::string block_key::text() const {
  std::string out;
  out.reserve(2 * bytes.size());
  for (const std::byte b : bytes)
    fmt::format_to(std::back_inserter(out), "{:02x}", std::to_integer<unsigned>(b));
  return out;
}

block_key key_of_space(cache_space space) {
  return first_half(sha256_of(std::as_bytes(std::span(&space, 1))));
}

block_key key_after(const block_key& parent, std::span<const token_id> tokens) {
  const auto added = std::as_bytes(tokens);
  std::vector<std::byte> all(parent.bytes.size() + added.size());
  const auto rest = std::copy(parent.bytes.begin(), parent.bytes.end(), all.begin());
  std::copy(added.begin(), added.end(), rest);
  return first_half(sha256_of(all));
}

}  // namespace troupe
