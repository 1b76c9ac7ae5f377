#include "runtime/cache/kv_store.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "runtime/device/cpu_device.hpp"

namespace troupe {
namespace {

TEST_CASE("a page's keys and values of all layers lie together and overlap nothing") {
  cpu_device dev{{.threads = 1, .pin = false}};
  const kv_layout layout{3, 2, 8, 16, kernels::kv_type::f16};
  const std::uint32_t pages = 4;
  const kv_store store(dev, layout, pages);
  const std::byte* const start = store.layer(0).keys;
  const std::size_t half = layout.half_page_bytes();
  std::vector<std::pair<std::size_t, std::uint32_t>> halves;  // where each begins, its page
  for (std::uint32_t layer = 0; layer < layout.layers; ++layer) {
    const kernels::kv_layer l = store.layer(layer);
    for (std::uint32_t page = 0; page < pages; ++page) {
      const std::size_t at = l.page_at(page) * kernels::kv_element_bytes(l.type);
      halves.emplace_back(static_cast<std::size_t>(l.keys + at - start), page);
      halves.emplace_back(static_cast<std::size_t>(l.values + at - start), page);
    }
  }
  std::ranges::sort(halves);
  REQUIRE(halves.size() == std::size_t{2} * layout.layers * pages);
  for (std::size_t i = 0; i < halves.size(); ++i) {
    CHECK(halves[i].first == i * half);
    CHECK(halves[i].second == i / (2 * layout.layers));
  }
}

}  // namespace
}  // namespace troupe
