#include "runtime/tokenizer/added_matcher.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "runtime/tokenizer/unicode.hpp"

namespace troupe::text {
namespace {

constexpr std::uint32_t root = 0;
constexpr std::uint32_t no_token = 0xFFFFFFFF;

std::size_t total_length(const std::vector<added_token>& tokens) {
  return std::accumulate(tokens.begin(), tokens.end(), std::size_t{0},
                         [](std::size_t n, const added_token& t) { return n + t.content.size(); });
}

/// Where the character that ends at `end` begins; `end - 1` for a byte that is not UTF-8.
std::size_t character_before(std::string_view text, std::size_t end) {
  for (std::size_t length = 1; length <= 4 && length <= end; ++length) {
    const utf8_step step = read_utf8(text.substr(0, end), end - length);
    if (step.state == utf8_state::valid && step.length == length) return end - length;
  }
  return end - 1;
}

bool is_word_at(std::string_view text, std::size_t at) {
  const utf8_step step = read_utf8(text, at);
  return step.state == utf8_state::valid && is_word_character(step.code_point);
}

bool stands_alone(std::string_view text, std::size_t begin, std::size_t end) {
  const bool left = begin == 0 || !is_word_at(text, character_before(text, begin));
  const bool right = end == text.size() || !is_word_at(text, end);
  return left && right;
}

/// The start of the white space that ends at `end`, not before `floor`; `floor` if that is later.
std::size_t space_before(std::string_view text, std::size_t end, std::size_t floor) {
  if (end <= floor) return floor;
  while (end > floor) {
    const std::size_t begin = character_before(text, end);
    if (begin < floor || !is_space(character_at(text, begin).kind)) break;
    end = begin;
  }
  return end;
}

std::size_t space_after(std::string_view text, std::size_t at) {
  for (character c = character_at(text, at); is_space(c.kind); c = character_at(text, at))
    at += c.length;
  return at;
}

}  // namespace

added_matcher::added_matcher(std::vector<added_token> tokens)
    : tokens_(std::move(tokens)), edges_(total_length(tokens_)) {
  parent_ = {root};
  depth_ = {0};
  byte_ = {0};
  longest_ = {no_token};
  for (std::uint32_t i = 0; i < tokens_.size(); ++i)
    if (!tokens_[i].content.empty()) insert(i);
  link();
}

void added_matcher::insert(std::uint32_t token) {
  const std::string& content = tokens_[token].content;
  std::uint32_t state = root;
  for (auto it = content.rbegin(); it != content.rend(); ++it) {
    const auto byte = static_cast<std::uint8_t>(*it);
    if (const auto* edge = edges_.find(state, byte)) {
      state = edge->first;
      continue;
    }
    const auto added = static_cast<std::uint32_t>(parent_.size());
    edges_.insert(state, byte, {added, 0});
    if (state == root) start_[byte] = added;
    parent_.push_back(state);
    depth_.push_back(depth_[state] + 1);
    byte_.push_back(byte);
    longest_.push_back(no_token);
    state = added;
  }
  longest_[state] = token;
}

void added_matcher::link() {
  fail_.assign(parent_.size(), root);
  std::vector<std::uint32_t> order(parent_.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return depth_[a] < depth_[b]; });
  for (const std::uint32_t state : order) {
    if (depth_[state] > 1) fail_[state] = step(fail_[parent_[state]], byte_[state]);
    if (longest_[state] == no_token) longest_[state] = longest_[fail_[state]];
  }
}

std::uint32_t added_matcher::step(std::uint32_t state, std::uint8_t byte) const {
  for (; state != root; state = fail_[state])
    if (const auto* edge = edges_.find(state, byte)) return edge->first;
  return start_[byte];
}

std::vector<added_matcher::occurrence> added_matcher::longest_at_each_start(
    std::string_view text) const {
  std::vector<occurrence> found;
  std::uint32_t state = root;
  for (std::size_t at = text.size(); at-- > 0;) {
    state = step(state, static_cast<std::uint8_t>(text[at]));
    if (longest_[state] != no_token) found.push_back({at, longest_[state]});
  }
  std::reverse(found.begin(), found.end());
  return found;
}

void added_matcher::split(std::string_view text, bool parse_special,
                          std::vector<text_piece>& out) const {
  std::size_t searched = 0;   // tokens that begin before here are hidden
  std::size_t taken = 0;      // pieces reach up to here
  std::size_t space_end = 0;  // of the white space last swallowed on the right
  const auto occurrences =
      tokens_.empty() ? std::vector<occurrence>() : longest_at_each_start(text);
  for (const auto& [begin, index] : occurrences) {
    if (begin < searched) continue;
    const added_token& token = tokens_[index];
    const std::size_t end = begin + token.content.size();
    searched = end;
    if (token.special && !parse_special) continue;
    if (token.single_word && !stands_alone(text, begin, end)) continue;
    // White space measured once is not walked again: tokens may themselves be white space.
    if (token.rstrip && end >= space_end) space_end = space_after(text, end);
    const std::size_t right = token.rstrip ? space_end : end;
    // A token inside white space that the one before swallowed is still a token, unless it swallows
    // to its left and so is left with nothing: the order in which Hugging Face tokenizers decides.
    const std::size_t left = token.lstrip ? space_before(text, begin, taken) : begin;
    if (taken < left) out.push_back({taken, left, text_piece::ordinary});
    if (left < right) out.push_back({left, right, token.id});
    taken = right;
  }
  if (taken < text.size()) out.push_back({taken, text.size(), text_piece::ordinary});
}

}  // namespace troupe::text
