#pragma once

#include "tests/support/gguf_writer.hpp"

namespace troupe::test {

/// A whole model of the llama architecture, F32: 2 layers, hidden 32, 4 heads on 2 of 8, FFN 64, 40
/// tokens with a tied head, weights from a fixed seed. Change what a test needs and write it.
[[nodiscard]] gguf_writer tiny_llama_gguf();

/// The same of the qwen3moe architecture: 4 experts of width 32, 2 chosen, head of its own.
[[nodiscard]] gguf_writer tiny_qwen3moe_gguf();

}  // namespace troupe::test
