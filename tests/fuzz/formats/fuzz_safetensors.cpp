#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "runtime/formats/safetensors_folder.hpp"
#include "runtime/formats/safetensors_reader.hpp"

/// A safetensors file, and the same bytes as an index of shards.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static_cast<void>(troupe::parse_safetensors(std::as_bytes(std::span(data, size))));
  static_cast<void>(troupe::shard_names({reinterpret_cast<const char*>(data), size}));
  return 0;
}
