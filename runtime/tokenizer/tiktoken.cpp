#include "runtime/tokenizer/tiktoken.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>

#include "runtime/base/token.hpp"
#include "runtime/tokenizer/byte_alphabet.hpp"
#include "runtime/tokenizer/merger.hpp"

namespace troupe {
namespace {

constexpr std::size_t max_ranks = std::size_t{1} << 22;

std::optional<std::uint32_t> base64_digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  if (c == '/') return 63;
  return std::nullopt;
}

/// Strict RFC 4648 base64, padding included; nothing if `text` is not that, or is empty.
std::optional<std::string> decode_base64(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0) return std::nullopt;
  std::size_t padding = 0;
  while (padding < 2 && text[text.size() - 1 - padding] == '=') ++padding;
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  std::uint32_t bits = 0;
  int held = 0;
  for (const char c : text.substr(0, text.size() - padding)) {
    const auto digit = base64_digit(c);
    if (!digit) return std::nullopt;
    bits = (bits << 6 | *digit) & 0xFFFF;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    bytes.push_back(static_cast<char>(bits >> held & 0xFF));
  }
  const bool leftover = (bits & ((1U << held) - 1)) != 0;
  if (leftover) return std::nullopt;
  return bytes;
}

std::string_view next_line(std::string_view& rest) {
  const std::size_t end = std::min(rest.find('\n'), rest.size());
  std::string_view line = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

}  // namespace

result<std::vector<std::string>> parse_tiktoken(std::string_view file) {
  std::vector<std::string> tokens;
  // No file is sparse enough to have a rank past its size; a wild one must not claim memory.
  const std::size_t most = std::min(max_ranks, file.size());
  for (std::size_t number = 1; !file.empty(); ++number) {
    const std::string_view line = next_line(file);
    if (line.empty()) continue;
    const std::size_t space = line.find(' ');
    if (space == std::string_view::npos)
      return fail(errc::corrupt, "tiktoken line {}: no space between token and rank", number);
    const std::string_view digits = line.substr(space + 1);
    std::size_t rank = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), rank);
    if (error != std::errc() || end != digits.data() + digits.size())
      return fail(errc::corrupt, "tiktoken line {}: the rank is no number", number);
    if (rank >= most)
      return fail(errc::out_of_range, "tiktoken line {}: rank {} is past {}", number, rank,
                  most - 1);
    auto bytes = decode_base64(line.substr(0, space));
    if (!bytes) return fail(errc::corrupt, "tiktoken line {}: the token is not base64", number);
    if (rank >= tokens.size()) tokens.resize(rank + 1);
    if (!tokens[rank].empty())
      return fail(errc::corrupt, "tiktoken line {}: rank {} is given twice", number, rank);
    tokens[rank] = std::move(*bytes);
  }
  return tokens;
}

tokenizer_spec spec_from_ranks(std::span<const std::string> tokens) {
  tokenizer_spec spec;
  spec.ignore_merges = true;
  spec.tokens.reserve(tokens.size());
  std::array<token_id, 256> byte_tokens{};
  byte_tokens.fill(-1);
  for (std::size_t rank = 0; rank < tokens.size(); ++rank) {
    spec.tokens.push_back(text::to_byte_alphabet(tokens[rank]));
    if (tokens[rank].size() == 1)
      byte_tokens[static_cast<std::uint8_t>(tokens[rank][0])] = static_cast<token_id>(rank);
  }
  // In order of rank, so the rules found so far are those of all better ranks.
  text::pair_map rules(tokens.size());
  text::merger merge(rules);
  std::vector<token_id> parts;
  for (std::size_t rank = 0; rank < tokens.size(); ++rank) {
    if (tokens[rank].size() < 2) continue;
    parts.clear();
    for (const char c : tokens[rank]) parts.push_back(byte_tokens[static_cast<std::uint8_t>(c)]);
    if (std::find(parts.begin(), parts.end(), -1) != parts.end()) continue;
    if (merge.merge(parts) != 2) continue;
    const auto id = static_cast<std::uint32_t>(rank);
    rules.insert(static_cast<std::uint32_t>(parts[0]), static_cast<std::uint32_t>(parts[1]),
                 {id, id});
    spec.merges.emplace_back(spec.tokens[static_cast<std::size_t>(parts[0])],
                             spec.tokens[static_cast<std::size_t>(parts[1])]);
  }
  return spec;
}

}  // namespace troupe
