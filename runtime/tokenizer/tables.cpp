// A specification comes from a file that nobody vouches for: everything is checked here, once.
#include "runtime/tokenizer/tables.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "runtime/tokenizer/byte_alphabet.hpp"
#include "runtime/tokenizer/nfc.hpp"
#include "runtime/tokenizer/utf8.hpp"

namespace troupe {
namespace {

/// Far above any vocabulary there is (the largest have a quarter of a million entries); keeps one
/// wild id from claiming memory.
constexpr std::size_t max_vocabulary = std::size_t{1} << 22;
constexpr std::size_t max_merges = std::size_t{1} << 23;
constexpr std::size_t max_token_bytes = std::size_t{1} << 28;
constexpr std::size_t max_added_bytes = std::size_t{1} << 24;

/// Token text for a message: short, on one line, and valid UTF-8.
std::string quoted(std::string_view token) {
  constexpr std::size_t longest = 40;
  std::string printable;
  for (const char c : token.substr(0, longest)) {
    if (static_cast<std::uint8_t>(c) < 0x20 || c == 0x7F) {
      printable += fmt::format("\\x{:02x}", static_cast<std::uint8_t>(c));
    } else {
      printable.push_back(c);
    }
  }
  std::string shown;
  text::append_lossy(shown, printable);
  return fmt::format("'{}{}'", shown, token.size() > longest ? "..." : "");
}

result<void> check_sizes(const tokenizer_spec& spec) {
  std::size_t text_bytes = 0;
  for (const std::string& token : spec.tokens) text_bytes += token.size();
  std::size_t added_bytes = 0;
  for (const added_token& token : spec.added) added_bytes += token.content.size();
  const auto check = [](std::string_view what, std::size_t n, std::size_t most) -> result<void> {
    if (n > most) return fail(errc::out_of_range, "tokenizer: {} {}, more than {}", n, what, most);
    return {};
  };
  return check("tokens", spec.tokens.size(), max_vocabulary)
      .and_then([&] { return check("merges", spec.merges.size(), max_merges); })
      .and_then([&] { return check("added tokens", spec.added.size(), max_vocabulary); })
      .and_then([&] { return check("bytes of tokens", text_bytes, max_token_bytes); })
      .and_then([&] { return check("bytes of added tokens", added_bytes, max_added_bytes); });
}

std::optional<token_id> find_in(const text::string_index& index, std::string_view key) {
  const auto found = index.find(key);
  if (found == index.end()) return std::nullopt;
  return found->second;
}

}  // namespace

std::size_t text::keyed_hash::operator()(std::string_view s) const {
  std::uint64_t h = key_ ^ s.size();
  const auto mix = [&](std::uint64_t word) {
    h = (h ^ word) * multiplier_;
    h ^= h >> 29;
  };
  for (; s.size() > 8; s.remove_prefix(8)) {
    std::uint64_t word = 0;
    std::memcpy(&word, s.data(), 8);
    mix(word);
  }
  std::uint64_t word = 0;
  if (!s.empty()) std::memcpy(&word, s.data(), s.size());
  mix(word);
  return static_cast<std::size_t>(h * 0x9E3779B97F4A7C15ULL >> 16);
}

result<std::unique_ptr<tokenizer::tables>> tokenizer::tables::build(const tokenizer_spec& from) {
  if (const auto sizes = check_sizes(from); !sizes) return fail(sizes.error());
  auto t = std::make_unique<tables>(from);
  const auto indexed = t->index_added()
                           .and_then([&] { return t->index_tokens(); })
                           .and_then([&] { return t->index_merges(); })
                           .and_then([&] { return t->check_named_ids(); });
  if (!indexed) return fail(indexed.error());
  t->store_bytes();
  t->build_matchers();
  return t;
}

result<void> tokenizer::tables::index_added() {
  std::size_t count = spec.tokens.size();
  for (const added_token& token : spec.added) {
    if (token.id < 0 || static_cast<std::size_t>(token.id) >= max_vocabulary)
      return fail(errc::out_of_range, "tokenizer: added token {} has id {}, not in 0 to {}",
                  quoted(token.content), token.id, max_vocabulary - 1);
    count = std::max(count, static_cast<std::size_t>(token.id) + 1);
  }
  special.assign(count, false);
  added_of_.assign(count, -1);
  by_added.reserve(spec.added.size());
  for (std::size_t i = 0; i < spec.added.size(); ++i) {
    const added_token& token = spec.added[i];
    const auto id = static_cast<std::size_t>(token.id);
    if (added_of_[id] >= 0)
      return fail(errc::corrupt, "tokenizer: added tokens {} and {} share the id {}",
                  quoted(spec.added[static_cast<std::size_t>(added_of_[id])].content),
                  quoted(token.content), id);
    if (id < spec.tokens.size() && !spec.tokens[id].empty() && spec.tokens[id] != token.content)
      return fail(errc::corrupt, "tokenizer: id {} is {} among the tokens, {} among the added ones",
                  id, quoted(spec.tokens[id]), quoted(token.content));
    if (!token.content.empty() && !by_added.emplace(token.content, token.id).second)
      return fail(errc::corrupt, "tokenizer: added token {} has both id {} and id {}",
                  quoted(token.content), by_added.find(token.content)->second, id);
    added_of_[id] = static_cast<std::int32_t>(i);
    special[id] = token.special;
  }
  return {};
}

result<void> tokenizer::tables::index_tokens() {
  by_text.reserve(spec.tokens.size() + spec.added.size());
  for (std::size_t id = 0; id < spec.tokens.size(); ++id) {
    const std::string& token = spec.tokens[id];
    if (token.empty() || added_of_[id] >= 0) continue;
    const auto [at, is_new] = by_text.emplace(token, static_cast<token_id>(id));
    if (!is_new)
      return fail(errc::corrupt, "tokenizer: token {} has both id {} and id {}", quoted(token),
                  at->second, id);
  }
  // An added token may also be what a byte or a merge makes (some models mark '!' as padding); an
  // ordinary one of the same text comes first.
  for (const auto& [content, id] : by_added) by_text.emplace(content, id);
  for (std::size_t byte = 0; byte < byte_tokens.size(); ++byte) {
    std::string character;
    text::append_utf8(character, text::byte_characters()[byte]);
    byte_tokens[byte] = find_in(by_text, character).value_or(-1);
  }
  return {};
}

result<void> tokenizer::tables::index_merges() {
  std::string joined;
  for (std::size_t rank = 0; rank < spec.merges.size(); ++rank) {
    const auto& [left, right] = spec.merges[rank];
    joined.assign(left).append(right);
    const auto a = find_in(by_text, left);
    const auto b = find_in(by_text, right);
    const auto merged = find_in(by_text, joined);
    if (!a || !b || !merged) {
      const std::string& unknown = !a ? left : !b ? right : joined;
      return fail(errc::corrupt, "tokenizer: merge {} joins {} and {}, but {} is no token", rank,
                  quoted(left), quoted(right), quoted(unknown));
    }
    const bool is_new =
        merges.insert(static_cast<std::uint32_t>(*a), static_cast<std::uint32_t>(*b),
                      {static_cast<std::uint32_t>(rank), static_cast<std::uint32_t>(*merged)});
    if (!is_new)
      return fail(errc::corrupt, "tokenizer: merge {} repeats the merge of {} and {}", rank,
                  quoted(left), quoted(right));
  }
  return {};
}

result<void> tokenizer::tables::check_named_ids() const {
  const auto check = [&](std::string_view name, std::optional<token_id> id) -> result<void> {
    if (id && (*id < 0 || static_cast<std::size_t>(*id) >= size()))
      return fail(errc::out_of_range, "tokenizer: {} token {} is not in the vocabulary of {}", name,
                  *id, size());
    return {};
  };
  const auto check_all = [&](std::string_view name, const std::vector<token_id>& ids) {
    for (const token_id id : ids)
      if (auto checked = check(name, id); !checked) return checked;
    return result<void>();
  };
  return check_all("prefix", spec.prefix)
      .and_then([&] { return check_all("suffix", spec.suffix); })
      .and_then([&] { return check("BOS", spec.bos); })
      .and_then([&] { return check("EOS", spec.eos); })
      .and_then([&] { return check("unknown", spec.unknown); })
      .and_then([&] { return check("padding", spec.padding); });
}

void tokenizer::tables::store_bytes() {
  offsets.reserve(size() + 1);
  offsets.push_back(0);
  std::vector<token_id> words;
  for (std::size_t id = 0; id < size(); ++id) {
    if (added_of_[id] >= 0) {
      arena += spec.added[static_cast<std::size_t>(added_of_[id])].content;
    } else if (id < spec.tokens.size()) {
      if (text::append_from_byte_alphabet(arena, spec.tokens[id])) {
        words.push_back(static_cast<token_id>(id));
      } else {
        arena += spec.tokens[id];  // outside the alphabet: the text itself, as Hugging Face has it
      }
    }
    offsets.push_back(static_cast<std::uint32_t>(arena.size()));
  }
  if (!spec.ignore_merges) return;
  by_bytes.reserve(words.size());
  for (const token_id id : words) by_bytes.emplace(bytes(id), id);
}

void tokenizer::tables::build_matchers() {
  std::vector<added_token> before;
  std::vector<added_token> after;
  std::string storage;
  for (const added_token& token : spec.added) {
    if (!token.normalized) {
      before.push_back(token);
      continue;
    }
    after.push_back(token);
    if (spec.nfc) after.back().content = text::nfc(token.content, storage);
  }
  before_nfc = text::added_matcher(std::move(before));
  after_nfc = text::added_matcher(std::move(after));
}

}  // namespace troupe
