#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/formats/gguf_metadata.hpp"

namespace troupe {

/// Reads configuration keys of one architecture ("llama.block_count" as "block_count") and keeps
/// the first failure, so that a reader asks for every key in turn and looks for trouble once.
class gguf_fields {
 public:
  /// Borrows `metadata`.
  gguf_fields(const gguf_metadata& metadata, std::string_view architecture);

  /// A count from 0 to 2^32 - 1; a failure where the key is absent and there is no fallback.
  [[nodiscard]] std::uint32_t count(std::string_view key,
                                    std::optional<std::uint32_t> fallback = std::nullopt);
  [[nodiscard]] std::optional<double> number(std::string_view key);
  [[nodiscard]] bool flag(std::string_view key, bool fallback);
  [[nodiscard]] std::string_view text(std::string_view key, std::string_view fallback);

  /// The first failure so far.
  [[nodiscard]] const std::optional<error>& failure() const { return failure_; }

 private:
  [[nodiscard]] std::string full(std::string_view key) const;
  void record(error e);
  /// The value, or nothing after recording the failure.
  template <class T>
  std::optional<T> take(result<std::optional<T>> value);

  const gguf_metadata* metadata_;
  std::string prefix_;
  std::optional<error> failure_;
};

}  // namespace troupe
