#pragma once

#include <string>
#include <string_view>

#include "runtime/base/result.hpp"

namespace troupe {

/// A secret that lets a client in: "tr-" and 256 random bits in hex.
class api_key {
 public:
  /// Draws one from the system. Fails with io_error where that has no random bytes.
  [[nodiscard]] static result<api_key> draw();

  [[nodiscard]] const std::string& text() const { return text_; }
  /// Tells keys apart in lists and gives nothing away: "tr-1a2b...9f0e".
  [[nodiscard]] std::string hint() const;

 private:
  explicit api_key(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

/// What is kept of a key: its SHA-256 in hex. No salt and no slow hash, as nobody guesses 256
/// random bits.
[[nodiscard]] std::string hash_of_key(std::string_view presented);

}  // namespace troupe
