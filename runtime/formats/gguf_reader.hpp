#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/base/result.hpp"
#include "runtime/formats/gguf_metadata.hpp"
#include "runtime/formats/tensor_table.hpp"

namespace troupe {

/// What a GGUF file holds, as views into its bytes.
struct gguf_file {
  std::uint32_t version = 0;
  std::uint32_t alignment = 32;
  gguf_metadata metadata;
  tensor_table tensors;
};

/// Parses a GGUF file of version 2 or 3. `bytes` must outlive the result.
///
/// Checked: every count, length and offset against the file's size, unknown types, duplicate keys
/// and names, tensors that overlap or are misaligned. Fails with `corrupt`, or with `unsupported`
/// for a version, byte order or tensor type that troupe does not read.
[[nodiscard]] result<gguf_file> parse_gguf(std::span<const std::byte> bytes);

/// True where the bytes begin as a GGUF file does.
[[nodiscard]] bool is_gguf(std::span<const std::byte> bytes);

}  // namespace troupe
