#include "kernels/cuda/emulated/stream.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "kernels/cuda/body/all.hpp"
#include "kernels/cuda/emulated/block.hpp"

namespace troupe::kernels::cuda {

emulated_stream::emulated_stream(std::uint32_t seed, std::uint32_t processors)
    : random_(seed), processors_(processors) {}
emulated_stream::~emulated_stream() = default;

template <class Body>
bool emulated_stream::run(const Body& body, const grid& g) {
  auto& block = blocks_[g.threads];
  if (block == nullptr)
    block = std::make_unique<emulated_block>(g.threads, static_cast<std::uint32_t>(random_()));
  std::vector<std::array<std::uint32_t, 3>> places;
  for (std::uint32_t z = 0; z < g.z; ++z)
    for (std::uint32_t y = 0; y < g.y; ++y)
      for (std::uint32_t x = 0; x < g.x; ++x) places.push_back({x, y, z});
  std::shuffle(places.begin(), places.end(), random_);
  for (const auto& place : places) {
    if (block->run(place, g.shared_bytes, body)) continue;
    why_ = block->why();
    return false;
  }
  return true;
}

status emulated_stream::launch(kernel_id kernel, const grid& g, const void* params) {
  bool good = false;
  const auto one = [&](auto body) {
    using kernel_body = decltype(body);
    // A copy, as on a device: a body that writes to its parameters reaches nobody.
    const auto p = *static_cast<const typename kernel_body::params*>(params);
    if (g.threads != kernel_body::threads) {
      why_ = "a launch with another number of threads than the kernel is written for";
      return;
    }
    good = run([&p](emulated_thread& t) { kernel_body::run(t, p); }, g);
  };
  (void)(visit_row_kernels(kernel, one) || visit_product_kernels(kernel, one) ||
         visit_other_kernels(kernel, one));
  return good ? status::ok : status::device_error;
}

status emulated_stream::copy(const copy_params& p) {
  for (std::uint32_t r = 0; r < p.rows; ++r)
    std::memcpy(static_cast<std::byte*>(p.to) + r * p.to_stride,
                static_cast<const std::byte*>(p.from) + r * p.from_stride, p.bytes);
  return status::ok;
}

std::byte* emulated_stream::scratch(std::size_t bytes) {
  scratch_.assign(bytes, std::byte{0xff});
  return scratch_.data();
}

}  // namespace troupe::kernels::cuda
