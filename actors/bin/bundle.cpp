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

/// "NAME=value" and "name = value" where the name says that the value is a secret.
void cut_settings(std::string& line) {
  const auto equals = line.find('=');
  if (equals == std::string::npos) return;
  std::string name = line.substr(0, equals);
  std::ranges::transform(name, name.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const bool secret = std::ranges::any_of(
      std::array<std::string_view, 5>{"password", "secret", "token", "api_key", "credential"},
      [&](std::string_view word) { return name.find(word) != std::string::npos; });
  // Numbers of tokens are settings too.
  const auto value = line.find_first_not_of(" \"", equals + 1);
  if (!secret || value == std::string::npos) return;
  if (line.find_first_not_of("0123456789_ ", equals + 1) == std::string::npos) return;
  line.replace(equals + 1, std::string::npos, " " + std::string(removed));
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
  std::string lines;
  std::size_t at = 0;
  while (at < out.size()) {
    const auto end = std::min(out.find('\n', at), out.size());
    std::string line = out.substr(at, end - at);
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
