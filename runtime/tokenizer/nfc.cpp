#include "runtime/tokenizer/nfc.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "runtime/tokenizer/utf8.hpp"

namespace troupe::text {
namespace {

/// Every character below U+0300 is its own NFC form and composes with nothing before it.
constexpr char32_t first_unstable = 0x300;

/// Whether `c` may change with, or be reordered among, what stands before it. Errs on the side of
/// yes: all marks, the conjoining vowels and finals of Hangul, and Kirat Rai's vowel letters.
bool extends(char32_t c) {
  if (c < first_unstable) return false;
  if ((c >= 0x1161 && c <= 0x1175) || (c >= 0x11A8 && c <= 0x11C2)) return true;
  if (c >= 0x16D60 && c <= 0x16D6F) return true;
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_MC ||
         category == UTF8PROC_CATEGORY_ME;
}

/// Characters known to stay as they are where nothing that extends them follows: the bulk of all
/// text, spared the tables.
bool stable_alone(char32_t c) {
  const bool kana_or_han = c >= 0x3040 && c <= 0x9FFF;
  const bool hangul = c >= 0xAC00 && c <= 0xD7A3;
  return c < first_unstable || kana_or_han || hangul;
}

struct classed {
  utf8proc_int32_t code_point;
  int combining_class;
};

/// Buffers that are used again from segment to segment.
class composer {
 public:
  /// The NFC form of a segment: a character and those that extend it.
  std::string_view compose(std::string_view segment) {
    points_.clear();
    for (std::size_t at = 0; at < segment.size();) {
      const utf8_step step = read_utf8(segment, at);
      decompose(step.code_point);
      at += step.length;
    }
    reorder();
    const auto length = utf8proc_normalize_utf32(
        points_.data(), static_cast<utf8proc_ssize_t>(points_.size()),
        static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE));
    out_.clear();
    for (utf8proc_ssize_t i = 0; i < length; ++i)
      append_utf8(out_, static_cast<char32_t>(points_[static_cast<std::size_t>(i)]));
    return out_;
  }

 private:
  void decompose(char32_t c) {
    std::array<utf8proc_int32_t, 8> parts{};
    int boundary = 0;
    const auto count = utf8proc_decompose_char(
        static_cast<utf8proc_int32_t>(c), parts.data(), static_cast<utf8proc_ssize_t>(parts.size()),
        static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE | UTF8PROC_STABLE), &boundary);
    // No canonical decomposition is longer than four.
    if (count < 1 || static_cast<std::size_t>(count) > parts.size()) {
      points_.push_back(static_cast<utf8proc_int32_t>(c));
    } else {
      points_.insert(points_.end(), parts.begin(), parts.begin() + count);
    }
  }

  /// Canonical ordering: each run of marks sorted by combining class. (utf8proc's own is a bubble
  /// sort, quadratic in the length of a run.)
  void reorder() {
    for (std::size_t i = 0; i < points_.size();) {
      run_.clear();
      std::size_t end = i;
      for (; end < points_.size(); ++end) {
        const int c = utf8proc_get_property(points_[end])->combining_class;
        if (c == 0) break;
        run_.push_back({points_[end], c});
      }
      const auto less = [](const classed& a, const classed& b) {
        return a.combining_class < b.combining_class;
      };
      if (!std::is_sorted(run_.begin(), run_.end(), less)) {
        std::stable_sort(run_.begin(), run_.end(), less);
        for (std::size_t k = 0; k < run_.size(); ++k) points_[i + k] = run_[k].code_point;
      }
      i = end + 1;
    }
  }

  std::vector<utf8proc_int32_t> points_;
  std::vector<classed> run_;
  std::string out_;
};

/// Where the segment that begins at `at` with the character `first` ends.
std::size_t segment_end(std::string_view text, std::size_t at, const utf8_step& first) {
  at += first.length;
  while (at < text.size()) {
    const utf8_step step = read_utf8(text, at);
    if (step.state != utf8_state::valid || !extends(step.code_point)) break;
    at += step.length;
  }
  return at;
}

}  // namespace

std::string_view nfc(std::string_view text, std::string& storage) {
  // U+0300 is encoded CC 80, so text whose bytes are all lower has nothing to change.
  const bool stable = std::all_of(text.begin(), text.end(),
                                  [](char c) { return static_cast<std::uint8_t>(c) < 0xCC; });
  if (stable) return text;
  storage.clear();
  composer segments;
  std::size_t copied = 0;
  for (std::size_t at = 0; at < text.size();) {
    const utf8_step first = read_utf8(text, at);
    if (first.state != utf8_state::valid) {
      at += first.length;
      continue;
    }
    const std::size_t end = segment_end(text, at, first);
    if (end - at > first.length || !stable_alone(first.code_point)) {
      const std::string_view segment = text.substr(at, end - at);
      const std::string_view normal = segments.compose(segment);
      if (normal != segment) {
        storage.append(text, copied, at - copied);
        storage.append(normal);
        copied = end;
      }
    }
    at = end;
  }
  if (copied == 0) return text;
  storage.append(text, copied);
  return storage;
}

}  // namespace troupe::text
