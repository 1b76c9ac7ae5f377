#include "runtime/cache/kv_rows.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <future>
#include <numeric>

#include "kernels/reference/convert.hpp"
#include "runtime/device/cpu_device.hpp"
#include "tests/runtime/cache/kv_memory.hpp"

namespace troupe {
namespace {

using kernels::kv_type;

const std::vector<kv_layout> layouts = {{3, 3, 64, 16, kv_type::f16},
                                        {2, 2, 128, 32, kv_type::f16},
                                        {3, 1, 20, 32, kv_type::f32},
                                        {1, 4, 8, 16, kv_type::f32},
                                        {2, 3, 80, 64, kv_type::f16}};

std::vector<std::int32_t> shuffled_pages(std::uint32_t count, test::generator& random) {
  std::vector<std::int32_t> pages(count);
  std::iota(pages.begin(), pages.end(), 0);
  std::shuffle(pages.begin(), pages.end(), random);
  return pages;
}

void wait_for(device& d) {
  std::promise<void> reached;
  d.notify([&] { reached.set_value(); });
  REQUIRE(reached.get_future().wait_for(std::chrono::seconds(60)) == std::future_status::ready);
}

/// Writes rows of positions 0 .. count - 1 into one layer with the device's kernels; neither
/// normed nor rotated. Returns q, k and v of each row; one query head for each KV head.
std::vector<float> write(device& d, const kernels::kv_layer& layer,
                         const std::vector<std::int32_t>& pages, std::uint32_t count,
                         test::generator& random) {
  std::uniform_real_distribution<float> spread(-3.0F, 3.0F);
  std::vector<float> qkv(std::size_t{count} * 3 * layer.kv_heads * layer.head_dim);
  for (float& x : qkv) x = spread(random);
  std::vector<float> sent = qkv;
  std::vector<std::int32_t> positions(count);
  std::iota(positions.begin(), positions.end(), 0);
  const std::vector<std::uint32_t> sequences(count, 0);
  const std::int32_t* table = pages.data();
  kernels::rope_and_store_params p;
  p.qkv = sent.data();
  p.table = sent.data();  // not read: no element is rotated
  p.cache = layer;
  p.where = {positions.data(), sequences.data(), &table, count};
  p.heads = layer.kv_heads;
  REQUIRE(d.kernels().rope_and_store(d.stream(), p) == kernels::status::ok);
  wait_for(d);
  return qkv;
}

float read(const std::byte* from, kv_type type, std::size_t index) {
  if (type == kv_type::f32) {
    float value = 0;
    std::memcpy(&value, from + index * 4, 4);
    return value;
  }
  std::uint16_t bits = 0;
  std::memcpy(&bits, from + index * 2, 2);
  return kernels::reference::from_f16(bits);
}

float stored(float value, kv_type type) {
  return type == kv_type::f32 ? value
                              : kernels::reference::from_f16(kernels::reference::to_f16(value));
}

TEST_CASE("gathered rows are the keys and values that the kernels wrote") {
  cpu_device dev{{.threads = 2, .pin = false}};
  test::generator random(1);
  for (const kv_layout& layout : layouts) {
    const kv_store store(dev, layout, 7);
    const auto pages = shuffled_pages(7, random);
    const std::uint32_t total = 5 * layout.page_size + 3;
    std::vector<std::vector<float>> written;
    for (std::uint32_t layer = 0; layer < layout.layers; ++layer)
      written.push_back(write(dev, store.layer(layer), pages, total, random));
    for (int round = 0; round < 20; ++round) {
      const std::uint32_t first = test::pick(random, 0, total - 1);
      const std::uint32_t count = test::pick(random, 1, total - first);
      std::vector<std::byte> rows(kv_rows_bytes(layout, count));
      gather_kv_rows(store, pages, first, count, rows.data());
      std::size_t at = 0;
      bool equal = true;
      for (const std::vector<float>& qkv : written) {
        for (std::uint32_t head = 0; head < layout.kv_heads; ++head) {
          for (const std::uint32_t part : {1U, 2U}) {  // keys, then values
            for (std::uint32_t row = first; row < first + count; ++row) {
              const std::size_t from =
                  ((std::size_t{row} * 3 + part) * layout.kv_heads + head) * layout.head_dim;
              for (std::uint32_t d = 0; d < layout.head_dim; ++d, ++at) {
                equal = equal &&
                        read(rows.data(), layout.type, at) == stored(qkv[from + d], layout.type);
              }
            }
          }
        }
      }
      CHECK(equal);
    }
  }
}

TEST_CASE("scattered rows lie where gathering finds them, and nothing else changes") {
  cpu_device dev{{.threads = 1, .pin = false}};
  test::generator random(2);
  for (const kv_layout& layout : layouts) {
    const kv_store store(dev, layout, 6);
    for (int round = 0; round < 30; ++round) {
      const auto pages = shuffled_pages(6, random);
      const std::uint32_t total = 6 * layout.page_size;
      std::vector<std::byte> all(kv_rows_bytes(layout, total));
      for (std::int32_t page = 0; page < 6; ++page)
        write_kv_page(store, page, test::random_bytes(layout.page_bytes(), random).data());
      gather_kv_rows(store, pages, 0, total, all.data());

      const std::uint32_t first = test::pick(random, 0, total - 1);
      const std::uint32_t count = test::pick(random, 1, total - first);
      const auto rows = test::random_bytes(kv_rows_bytes(layout, count), random);
      scatter_kv_rows(store, pages, first, count, rows.data());
      std::vector<std::byte> back(rows.size());
      gather_kv_rows(store, pages, first, count, back.data());
      CHECK(back == rows);

      // Row by row, so that each run of equal rows has the same layout before and after.
      bool kept = true;
      const std::size_t row = std::size_t{layout.head_dim} * kernels::kv_element_bytes(layout.type);
      std::vector<std::byte> one(layout.position_bytes());
      for (std::uint32_t p = 0; p < total; ++p) {
        if (p >= first && p < first + count) continue;
        gather_kv_rows(store, pages, p, 1, one.data());
        for (std::size_t part = 0; part < one.size() / row; ++part) {
          kept = kept &&
                 std::equal(one.begin() + static_cast<std::ptrdiff_t>(part * row),
                            one.begin() + static_cast<std::ptrdiff_t>((part + 1) * row),
                            all.begin() + static_cast<std::ptrdiff_t>((part * total + p) * row));
        }
      }
      CHECK(kept);
    }
  }
}

TEST_CASE("a whole page is its keys and values of every layer, and moves as one piece") {
  cpu_device dev{{.threads = 1, .pin = false}};
  test::generator random(3);
  const kv_layout layout{2, 2, 16, 16, kv_type::f16};
  const kv_store store(dev, layout, 3);
  const std::vector<std::int32_t> from{2};
  const std::vector<std::int32_t> to{0};
  const auto rows = test::random_bytes(kv_rows_bytes(layout, 16), random);
  scatter_kv_rows(store, from, 0, 16, rows.data());
  std::vector<std::byte> page(layout.page_bytes());
  read_kv_page(store, 2, page.data());
  write_kv_page(store, 0, page.data());
  std::vector<std::byte> moved(rows.size());
  gather_kv_rows(store, to, 0, 16, moved.data());
  CHECK(moved == rows);
  read_kv_page(store, 1, page.data());
  CHECK(std::ranges::all_of(page, [](std::byte b) { return b == std::byte{0}; }));
}

}  // namespace
}  // namespace troupe
