#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "runtime/billing/price_book.hpp"

/// Any bytes either are prices, by which the largest request costs something that adds up, or give
/// an error of one line.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  // Of other characters toml++ 3.3 does undefined things by itself.
  if (std::any_of(text.begin(), text.end(), [](char c) { return (c & 0x80) != 0; })) return 0;
  const auto book = troupe::price_book::read(text, "fuzz.toml");
  if (!book) {
    if (book.error().message().find('\n') != std::string::npos) std::abort();
    return 0;
  }
  const auto table = book->table_for("model");
  if (!table) return 0;
  constexpr std::uint64_t most = (std::uint64_t{1} << 53U) - 1;
  const auto cost = troupe::cost_of(*table, {most, most, 0, 0, most, false});
  if (!cost || cost->total < cost->cache || cost->total < cost->output) std::abort();
  if (troupe::amount::parse(cost->total.text()) != cost->total) std::abort();
  return 0;
}
