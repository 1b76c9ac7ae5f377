#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace troupe {

/// A SHA-256 computation. Values go in with a fixed width and texts with their length, so that no
/// two sequences of additions give the same bytes.
class sha256 {
 public:
  /// Throws std::runtime_error where OpenSSL cannot start one.
  sha256();

  void add(std::span<const std::byte> bytes);
  void add(std::uint64_t value);
  void add(std::string_view text);

  /// The digest in hex (64 characters). Ends the computation.
  [[nodiscard]] std::string finish();

 private:
  struct release {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, release> context_;
};

using sha256_digest = std::array<std::byte, 32>;

/// The digest of bytes that lie together; all zero where OpenSSL cannot compute one.
[[nodiscard]] sha256_digest sha256_of(std::span<const std::byte> bytes);

}  // namespace troupe
