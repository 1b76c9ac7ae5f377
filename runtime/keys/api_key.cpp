#include "runtime/keys/api_key.hpp"

#include <sys/random.h>

#include <array>
#include <cerrno>
#include <span>
#include <system_error>

#include "runtime/base/sha256.hpp"

namespace troupe {
namespace {

constexpr std::string_view prefix = "tr-";
constexpr std::size_t random_bytes = 32;
constexpr std::size_t shown = 4;

}  // namespace

result<api_key> api_key::draw() {
  std::array<unsigned char, random_bytes> bits{};
  // Up to 256 bytes come whole once the system's generator is seeded, for which it waits.
  ssize_t got = 0;
  do got = ::getrandom(bits.data(), bits.size(), 0);
  while (got < 0 && errno == EINTR);
  if (got != static_cast<ssize_t>(bits.size())) {
    return fail(errc::io_error, "no random bytes for a key: {}",
                std::generic_category().message(errno));
  }
  std::string text(prefix);
  for (const unsigned char b : bits) text += fmt::format("{:02x}", b);
  return api_key(std::move(text));
}

std::string api_key::hint() const {
  return fmt::format("{}...{}", text_.substr(0, prefix.size() + shown),
                     text_.substr(text_.size() - shown));
}

std::string hash_of_key(std::string_view presented) {
  sha256 hash;
  hash.add(std::as_bytes(std::span(presented)));
  return hash.finish();
}

}  // namespace troupe
