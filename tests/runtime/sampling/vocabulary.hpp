#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/sampling/structure.hpp"
#include "runtime/tokenizer/tokenizer.hpp"

namespace troupe::test {

/// The tiny checkpoints' tokenizer: 709 tokens, bytes among them, <think> and </think> of their
/// own.
[[nodiscard]] const std::shared_ptr<const tokenizer>& tiny_tokenizer();
inline constexpr std::uint32_t tiny_vocab = 709;
inline constexpr token_id tiny_end = 702;
inline constexpr token_id tiny_think = 707;
inline constexpr token_id tiny_think_end = 708;

/// `format` as a structural tag.
[[nodiscard]] std::string tag_of(const std::string& format);
/// Compiled for those tokens; fails the test where it cannot be.
[[nodiscard]] std::shared_ptr<const compiled_structure> compiled(const std::string& format);

}  // namespace troupe::test
