#include "runtime/template/wrap.hpp"

#include <deque>

#include "runtime/template/text.hpp"

namespace troupe::jinja {
namespace {

bool wrap_space(char32_t point) {
  return point < 0x80 && (point == ' ' || (point >= 9 && point <= 13));
}

/// Where a word may break after a hyphen: between letters, two before it.
bool breaks_after(std::string_view word, std::size_t hyphen) {
  if (word[hyphen] != '-' || hyphen < 2 || hyphen + 1 >= word.size()) return false;
  std::size_t next = hyphen + 1;
  const bool letters = is_letter(static_cast<unsigned char>(word[hyphen - 1])) &&
                       is_letter(static_cast<unsigned char>(word[hyphen - 2]));
  return letters && is_letter(decode(word, next));
}

struct chunk {
  std::string_view text;
  std::size_t points;
};

std::deque<chunk> chunks_of(std::string_view text, bool break_on_hyphens) {
  std::deque<chunk> chunks;
  const auto add = [&](std::string_view piece) { chunks.push_back({piece, count_points(piece)}); };
  std::size_t start = 0;
  while (start < text.size()) {
    const bool space = wrap_space(static_cast<unsigned char>(text[start]));
    std::size_t end = start;
    while (end < text.size() && wrap_space(static_cast<unsigned char>(text[end])) == space) ++end;
    const std::string_view run = text.substr(start, end - start);
    std::size_t from = 0;
    for (std::size_t i = 0; !space && break_on_hyphens && i < run.size(); ++i) {
      if (!breaks_after(run, i)) continue;
      add(run.substr(from, i + 1 - from));
      from = i + 1;
    }
    add(run.substr(from));
    start = end;
  }
  return chunks;
}

}  // namespace

std::vector<std::string> wrap(std::string_view text, const wrap_style& style) {
  std::vector<std::string> lines;
  auto chunks = chunks_of(text, style.break_on_hyphens);
  const auto blank = [](std::string_view piece) {
    return strip(piece, std::nullopt, side::both).empty();
  };
  while (!chunks.empty()) {
    std::vector<std::string_view> line;
    std::size_t length = 0;
    if (!lines.empty() && blank(chunks.front().text)) chunks.pop_front();
    while (!chunks.empty() && length + chunks.front().points <= style.width) {
      length += chunks.front().points;
      line.push_back(chunks.front().text);
      chunks.pop_front();
    }
    if (!chunks.empty() && chunks.front().points > style.width) {
      auto& word = chunks.front();
      if (style.break_long_words) {
        const std::size_t room = style.width - length;
        std::size_t size = offset_of(word.text, room);
        // A hyphen inside what fits is a better place to break.
        const std::string_view fits = word.text.substr(0, size);
        const std::size_t hyphen =
            style.break_on_hyphens ? fits.rfind('-') : std::string_view::npos;
        const bool breaks = hyphen != std::string_view::npos &&
                            fits.substr(0, hyphen).find_first_not_of('-') != std::string_view::npos;
        if (breaks) size = hyphen + 1;
        const std::string_view head = word.text.substr(0, size);
        line.push_back(head);
        word.text.remove_prefix(size);
        word.points -= breaks ? count_points(head) : room;
      } else if (line.empty()) {
        line.push_back(word.text);
        chunks.pop_front();
      }
    }
    if (!line.empty() && blank(line.back())) line.pop_back();
    if (line.empty()) continue;
    std::string joined;
    for (const auto piece : line) joined += piece;
    lines.push_back(std::move(joined));
  }
  return lines;
}

}  // namespace troupe::jinja
