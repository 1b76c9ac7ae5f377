#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/formats/gguf_reader.hpp"
#include "runtime/formats/gguf_tokenizer.hpp"
#include "runtime/model/gguf_config.hpp"
#include "runtime/model/weight_table.hpp"

/// A GGUF file from its first byte to the table of its weights.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = troupe::parse_gguf(std::as_bytes(std::span(data, size)));
  if (!file) return 0;
  static_cast<void>(troupe::read_gguf_defaults(file->metadata));
  const auto tokenizer = troupe::read_gguf_tokenizer(file->metadata);
  if (!tokenizer) return 0;
  const auto config = troupe::read_gguf_config(*file, *tokenizer);
  if (!config) return 0;
  const auto weights = troupe::weight_table::build(*config, file->tensors, troupe::gguf_naming(),
                                                   troupe::bias_rule::optional);
  return 0;
}
