#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Python's view of text (code points, its idea of white space, letters and case) over UTF-8.
/// A byte that is not UTF-8 counts as one code point of its own.
namespace troupe::jinja {

/// The code point at byte `at`, which moves past it. `at` must be inside `text`.
[[nodiscard]] char32_t decode(std::string_view text, std::size_t& at);
void append_utf8(std::string& out, char32_t point);
[[nodiscard]] bool valid_utf8(std::string_view text);

[[nodiscard]] std::size_t count_points(std::string_view text);
/// Byte offset of code point number `point`, or the size of `text` when there are fewer.
[[nodiscard]] std::size_t offset_of(std::string_view text, std::size_t point);

/// What str.isspace, strip() and the regular expression \s accept.
[[nodiscard]] bool is_space(char32_t point);
[[nodiscard]] bool is_letter(char32_t point);
[[nodiscard]] bool is_digit(char32_t point);
[[nodiscard]] bool is_decimal(char32_t point);
[[nodiscard]] bool is_numeric(char32_t point);
[[nodiscard]] bool is_upper(char32_t point);
[[nodiscard]] bool is_lower(char32_t point);
/// The regular expression \w.
[[nodiscard]] bool is_word(char32_t point);
[[nodiscard]] bool is_printable(char32_t point);

/// str.isupper and str.islower: some letters with case, and all of them of that one.
[[nodiscard]] bool all_cased(std::string_view text, bool upper);

[[nodiscard]] std::string to_upper(std::string_view text);
[[nodiscard]] std::string to_lower(std::string_view text);
/// str.title: every run of letters starts in upper case.
[[nodiscard]] std::string to_title(std::string_view text);
[[nodiscard]] std::string capitalize(std::string_view text);
[[nodiscard]] std::string swap_case(std::string_view text);

enum class side { left, right, both };
/// Removes white space, or the code points in `characters`, from the ends.
[[nodiscard]] std::string_view strip(std::string_view text,
                                     std::optional<std::string_view> characters, side where);
/// str.splitlines.
[[nodiscard]] std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends);
/// Pieces of `text` between runs of white space; at most `limit` splits when it is not negative.
[[nodiscard]] std::vector<std::string_view> split_space(std::string_view text, long limit);
/// str.replace; a negative limit replaces all.
[[nodiscard]] std::string replace_all(std::string_view text, std::string_view from,
                                      std::string_view to, long limit);
/// repr() of a string: quotes chosen and characters escaped as Python does.
[[nodiscard]] std::string quoted(std::string_view text);
/// & < > " ' as HTML entities.
[[nodiscard]] std::string escape_html(std::string_view text);

}  // namespace troupe::jinja
