#include "runtime/tokenizer/word_end.hpp"

#include "runtime/tokenizer/unicode.hpp"

namespace troupe::text {
namespace {

/// A code unit of a contraction after the apostrophe, lower-cased where case does not matter.
struct folded {
  char letter = 0;
  std::size_t length = 1;
};

folded fold_at(std::string_view text, std::size_t at, bool any_case) {
  if (at >= text.size()) return {};
  const char c = text[at];
  if (!any_case) return {c, 1};
  if (c >= 'A' && c <= 'Z') return {static_cast<char>(c - 'A' + 'a'), 1};
  // U+017F LATIN SMALL LETTER LONG S folds to s, the only letter outside ASCII that folds to one of
  // these.
  if (text.substr(at, 2) == "\xC5\xBF") return {'s', 2};
  return {c, 1};
}

/// Where the contraction at `begin` ends; `begin` if there is none.
std::size_t contraction_end(std::string_view text, std::size_t begin, bool any_case) {
  if (text[begin] != '\'') return begin;
  const folded first = fold_at(text, begin + 1, any_case);
  const std::size_t next = begin + 1 + first.length;
  switch (first.letter) {
    case 's':
    case 't':
    case 'm':
    case 'd':
      return next;
    case 'r':
    case 'v':
      return fold_at(text, next, any_case).letter == 'e' ? next + 1 : begin;
    case 'l':
      return fold_at(text, next, any_case).letter == 'l' ? next + 1 : begin;
    default:
      return begin;
  }
}

struct white_run {
  std::size_t end = 0;
  std::size_t last = 0;         ///< where its last character begins
  std::size_t newline_end = 0;  ///< just past its last newline; 0 if it has none
  char_kind next = char_kind::end;
};

white_run white_at(std::string_view text, std::size_t begin) {
  white_run run{begin, begin, 0, char_kind::end};
  for (;;) {
    const character c = character_at(text, run.end);
    if (!is_space(c.kind)) {
      run.next = c.kind;
      return run;
    }
    run.last = run.end;
    run.end += c.length;
    if (c.kind == char_kind::newline) run.newline_end = run.end;
  }
}

/// \s+(?!\S)|\s+ : all of the run at the end of a text, else all but the character that the next
/// word may take as its own, unless that is all there is.
std::size_t white_end(const white_run& run, std::size_t begin, bool at_end) {
  return at_end || run.last == begin ? run.end : run.last;
}

std::size_t gpt2_end(std::string_view text, std::size_t begin, bool digits_alone) {
  if (const std::size_t end = contraction_end(text, begin, false); end != begin) return end;
  std::size_t at = begin;
  character lead = character_at(text, at);
  if (text[begin] == ' ') {
    const character next = character_at(text, begin + 1);
    const bool joins = next.kind == char_kind::letter || next.kind == char_kind::other ||
                       (next.kind == char_kind::number && !digits_alone);
    if (joins) {
      at = begin + 1;
      lead = next;
    }
  }
  if (lead.kind == char_kind::number && digits_alone) return at + lead.length;
  if (!is_space(lead.kind)) return run_end(text, at + lead.length, lead.kind);
  const white_run run = white_at(text, begin);
  const bool at_end = run.next == char_kind::end || (run.next == char_kind::number && digits_alone);
  return white_end(run, begin, at_end);
}

std::size_t qwen2_end(std::string_view text, std::size_t begin, int digits) {
  if (const std::size_t end = contraction_end(text, begin, true); end != begin) return end;
  const character lead = character_at(text, begin);
  std::size_t after = begin + lead.length;
  if (lead.kind == char_kind::letter) return run_end(text, after, char_kind::letter);
  if (lead.kind == char_kind::number) {
    for (character c = character_at(text, after); c.kind == char_kind::number && --digits > 0;
         c = character_at(text, after))
      after += c.length;
    return after;
  }
  const character next = character_at(text, after);
  if (lead.kind != char_kind::newline && next.kind == char_kind::letter)
    return run_end(text, after, char_kind::letter);
  if (lead.kind == char_kind::other || (text[begin] == ' ' && next.kind == char_kind::other))
    return run_end(text, run_end(text, after, char_kind::other), char_kind::newline);
  const white_run run = white_at(text, begin);
  if (run.newline_end != 0) return run.newline_end;
  return white_end(run, begin, run.next == char_kind::end);
}

}  // namespace

std::size_t word_end(std::string_view text, std::size_t begin, pre_tokenizer split) {
  switch (split) {
    case pre_tokenizer::gpt2:
      return gpt2_end(text, begin, false);
    case pre_tokenizer::qwen2:
      return qwen2_end(text, begin, 1);
    case pre_tokenizer::llama3:
      return qwen2_end(text, begin, 3);
    case pre_tokenizer::smollm:
      return gpt2_end(text, begin, true);
  }
  return text.size();
}

}  // namespace troupe::text
