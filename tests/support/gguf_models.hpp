#pragma once

#include <cstdint>

#include "tests/support/gguf_writer.hpp"

namespace troupe::test {

/// Sizes of a tiny model.
struct tiny_shape {
  std::uint64_t hidden = 32;
  std::uint64_t head = 8;
  std::uint64_t heads = 4;
  std::uint64_t kv_heads = 2;
  std::uint64_t ffn = 64;
  std::uint64_t expert_ffn = 32;
  bool q8_0 = false;  ///< matrices are Q8_0: widths are multiples of 32
};

/// A whole model of the llama architecture, F32: 2 layers, hidden 32, 4 heads on 2 of 8, FFN 64, 40
/// tokens with a tied head, weights from a fixed seed. Change what a test needs and write it.
[[nodiscard]] gguf_writer tiny_llama_gguf(const tiny_shape& shape = {});

/// The same of the qwen3moe architecture: 4 experts of width 32, 2 chosen, head of its own.
[[nodiscard]] gguf_writer tiny_qwen3moe_gguf(const tiny_shape& shape = {});

}  // namespace troupe::test
