#include "actors/bin/bundle.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <numeric>

namespace troupe::cli {
namespace {

constexpr std::string_view removed = "[removed]";
constexpr std::size_t block = 512;

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

/// Replaces each run of characters of a word that follows `mark`, where it is `least` long.
void cut_after(std::string& text, std::string_view mark, std::size_t least) {
  for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark, at)) {
    at += mark.size();
    std::size_t end = at;
    while (end < text.size() && (is_word(text[end]) || std::string_view("-_.~+/=").find(
                                                           text[end]) != std::string_view::npos))
      ++end;
    if (end - at >= least) text.replace(at, end - at, removed);
  }
}

void cut_private_keys(std::string& text) {
  constexpr std::string_view end_mark = "-----END ";
  std::size_t at = 0;
  while ((at = text.find("-----BEGIN ", at)) != std::string::npos) {
    const auto line = text.find('\n', at);
    const bool secret = text.substr(at, line - at).find("PRIVATE KEY") != std::string::npos;
    const auto end = text.find(end_mark, at);
    // One that does not end is cut off to the last character.
    const std::size_t until = end == std::string::npos ? text.size() : end;
    if (!secret) {
      at = until;
      continue;
    }
    text.replace(at, until - at, removed);
    at += removed.size();
  }
}

bool names_a_secret(std::string_view name) {
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  std::erase_if(lower, [](char c) { return c == '_' || c == '-'; });
  return std::ranges::any_of(
      std::array<std::string_view, 8>{"password", "passwd", "passphrase", "secret", "token",
                                      "apikey", "credential", "headers"},
      [&](std::string_view word) { return lower.find(word) != std::string::npos; });
}

/// Cuts the rest of a line off behind "NAME=", "name = " and "name: " where the name says that the
/// value is a secret: who wrote it knows best where it ends.
void cut_settings(std::string& line) {
  for (std::size_t sign = line.find_first_of("=:"); sign != std::string::npos;
       sign = line.find_first_of("=:", sign + 1)) {
    const auto last = line.find_last_not_of(" \"'", sign == 0 ? 0 : sign - 1);
    if (last == std::string::npos || sign == 0) continue;
    const auto before = line.find_last_of(" \t\"',;=:{}[]()", last);
    const std::size_t first = before == std::string::npos ? 0 : before + 1;
    if (first > last || !names_a_secret(std::string_view(line).substr(first, last + 1 - first)))
      continue;
    const auto value = line.find_first_not_of(" \"'", sign + 1);
    if (value == std::string::npos) return;
    // Numbers of tokens are settings too.
    const auto end = line.find_first_not_of("0123456789_.", value);
    if (end == std::string::npos) return;
    if (end != value && std::string_view(" ,}])\"").find(line[end]) != std::string_view::npos)
      continue;
    line.replace(sign + 1, std::string::npos, " " + std::string(removed));
    return;
  }
}

/// "//user:password@host" becomes "//[removed]@host".
void cut_users(std::string& line) {
  for (auto at = line.find("://"); at != std::string::npos; at = line.find("://", at)) {
    at += 3;
    const auto end = line.find_first_of(" \t\"'/,", at);
    const auto sign = line.substr(0, end).rfind('@');
    if (sign != std::string::npos && sign >= at) line.replace(at, sign - at, removed);
  }
}

void octal(std::array<char, block>& header, std::size_t at, std::size_t width,
           std::uint64_t value) {
  const std::string text = fmt::format("{:0{}o}", value, width - 1);
  std::memcpy(header.data() + at, text.data(), std::min(text.size(), width - 1));
}

std::string header_of(const std::string& name, std::size_t size, std::uint64_t time) {
  std::array<char, block> h{};
  std::memcpy(h.data(), name.data(), std::min(name.size(), std::size_t{99}));
  octal(h, 100, 8, 0600);
  octal(h, 108, 8, 0);
  octal(h, 116, 8, 0);
  octal(h, 124, 12, size);
  octal(h, 136, 12, time);
  h[156] = '0';
  std::memcpy(h.data() + 257, "ustar\00000", 8);
  std::memset(h.data() + 148, ' ', 8);
  const auto sum =
      std::accumulate(h.begin(), h.end(), std::uint64_t{0},
                      [](std::uint64_t s, char c) { return s + static_cast<unsigned char>(c); });
  octal(h, 148, 7, sum);
  h[154] = '\0';
  return {h.data(), h.size()};
}

}  // namespace

std::string without_secrets(std::string_view text) {
  std::string out(text);
  cut_private_keys(out);
  constexpr std::size_t shortest_key = 16;
  cut_after(out, "tr-", shortest_key);
  cut_after(out, "Bearer ", 1);
  cut_after(out, "bearer ", 1);
  std::string lines;
  std::size_t at = 0;
  while (at < out.size()) {
    const auto end = std::min(out.find('\n', at), out.size());
    std::string line = out.substr(at, end - at);
    cut_users(line);
    cut_settings(line);
    lines += line;
    if (end < out.size()) lines += '\n';
    at = end + 1;
  }
  return lines;
}

std::string tar_of(const std::vector<bundle_file>& files, const std::string& name,
                   std::chrono::system_clock::time_point now) {
  const auto time = static_cast<std::uint64_t>(std::chrono::system_clock::to_time_t(now));
  std::string out;
  for (const bundle_file& f : files) {
    out += header_of(name + '/' + f.name, f.content.size(), time);
    out += f.content;
    out.append((block - f.content.size() % block) % block, '\0');
  }
  out.append(2 * block, '\0');
  return out;
}

}  // namespace troupe::cli
