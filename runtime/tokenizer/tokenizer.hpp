#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/base/token.hpp"
#include "runtime/tokenizer/spec.hpp"

namespace troupe {

struct encode_options {
  bool add_special = true;    ///< put the model's prefix and suffix tokens around the text
  bool parse_special = true;  ///< match special added tokens written in the text
};

/// Byte-level BPE. Immutable and shared: any thread may call any method.
class tokenizer {
 public:
  /// Checks the whole specification (ids, merges that name unknown tokens, duplicates).
  [[nodiscard]] static result<std::shared_ptr<const tokenizer>> create(const tokenizer_spec& spec);

  tokenizer(const tokenizer&) = delete;
  tokenizer& operator=(const tokenizer&) = delete;
  ~tokenizer();

  /// Near-linear in the length of `text`. Bytes that are not UTF-8 are taken byte by byte.
  [[nodiscard]] std::vector<token_id> encode(std::string_view text,
                                             encode_options options = {}) const;
  /// The bytes of `ids` as text; invalid UTF-8 becomes U+FFFD. Ids past the vocabulary are skipped.
  [[nodiscard]] std::string decode(std::span<const token_id> ids, bool skip_special = false) const;
  /// The raw bytes one token stands for; perhaps part of a character. Empty for a hole or an id out
  /// of range.
  [[nodiscard]] std::string_view bytes(token_id id) const;
  [[nodiscard]] bool is_special(token_id id) const;
  [[nodiscard]] std::size_t vocabulary_size() const;
  /// The id of an added or ordinary token by its exact text; -1 if there is none.
  [[nodiscard]] token_id find(std::string_view content) const;
  [[nodiscard]] const tokenizer_spec& spec() const;

 private:
  struct tables;
  class encoding;
  explicit tokenizer(std::unique_ptr<tables> t);
  std::unique_ptr<tables> tables_;
};

}  // namespace troupe
