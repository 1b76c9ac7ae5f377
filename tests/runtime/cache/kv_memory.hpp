#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "runtime/cache/kv_rows.hpp"
#include "runtime/cache/kv_store.hpp"

namespace troupe::test {

using generator = std::mt19937_64;

[[nodiscard]] inline std::uint32_t pick(generator& random, std::uint32_t low, std::uint32_t high) {
  return std::uniform_int_distribution<std::uint32_t>(low, high)(random);
}

[[nodiscard]] inline std::vector<std::byte> random_bytes(std::size_t count, generator& random) {
  std::vector<std::byte> bytes(count);
  for (std::byte& b : bytes) b = static_cast<std::byte>(random());
  return bytes;
}

/// All that a store holds.
[[nodiscard]] inline std::vector<std::byte> contents(const kv_store& store) {
  const std::size_t bytes = store.layout().page_bytes();
  std::vector<std::byte> all(bytes * store.pages());
  for (std::uint32_t page = 0; page < store.pages(); ++page)
    read_kv_page(store, static_cast<std::int32_t>(page), all.data() + page * bytes);
  return all;
}

}  // namespace troupe::test
