#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/tokenizer/added_matcher.hpp"
#include "runtime/tokenizer/pair_map.hpp"
#include "runtime/tokenizer/tokenizer.hpp"

namespace troupe {
namespace text {

/// Hashes strings with a key of its own, for the same reason as pair_map.
class keyed_hash {
 public:
  keyed_hash() : key_(random_key()), multiplier_(random_key() | 1U) {}

  [[nodiscard]] std::size_t operator()(std::string_view s) const;

 private:
  std::uint64_t key_;
  std::uint64_t multiplier_;
};

using string_index = std::unordered_map<std::string_view, token_id, keyed_hash>;

}  // namespace text

/// A specification, checked and indexed. Never changed once it is built.
struct tokenizer::tables {
  /// Fails with out_of_range (a size or an id past its limit) or corrupt (entries that contradict
  /// each other).
  [[nodiscard]] static result<std::unique_ptr<tables>> build(const tokenizer_spec& from);

  explicit tables(const tokenizer_spec& from)
      : spec(from), merges(from.merges.size()), before_nfc({}), after_nfc({}) {}

  [[nodiscard]] std::size_t size() const { return special.size(); }
  [[nodiscard]] std::string_view bytes(token_id id) const {
    const auto i = static_cast<std::size_t>(id);
    return std::string_view(arena).substr(offsets[i], offsets[i + 1] - offsets[i]);
  }

  tokenizer_spec spec;
  std::string arena;  ///< every token's bytes, in order of id
  std::vector<std::uint32_t> offsets;
  std::vector<bool> special;
  text::string_index by_text;   ///< text in the byte alphabet -> id; views into spec
  text::string_index by_added;  ///< an added token's content -> id; views into spec
  text::string_index by_bytes;  ///< whole words, for ignore_merges only; views into arena
  std::array<token_id, 256> byte_tokens{};  ///< -1 where the vocabulary lacks a byte
  text::pair_map merges;                    ///< (left, right) -> (rank, merged)
  text::added_matcher before_nfc;
  text::added_matcher after_nfc;

 private:
  [[nodiscard]] result<void> index_added();
  [[nodiscard]] result<void> index_tokens();
  [[nodiscard]] result<void> index_merges();
  [[nodiscard]] result<void> check_named_ids() const;
  void store_bytes();
  void build_matchers();

  std::vector<std::int32_t> added_of_;  ///< by id: which of spec.added it is, or -1
};

}  // namespace troupe
