#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <thread>

#include "runtime/device/cuda/cuda_device.hpp"

namespace troupe::test {

/// The first GPU of this machine that can be used; null, and said so, where there is none.
inline std::shared_ptr<device> first_gpu(std::function<void(const error&)> lost = nullptr,
                                         bool vendor_products = false) {
  for (const cuda_device_info& each : cuda_devices()) {
    if (!each.unusable.empty()) {
      std::printf("cuda:%d: %s\n", each.index, each.unusable.c_str());
      continue;
    }
    auto made = make_cuda_device({.index = each.index,
                                  .graph_rows = 8,
                                  .vendor_products = vendor_products,
                                  .lost = std::move(lost)});
    REQUIRE(made.has_value());
    return *made;
  }
  std::printf("skipped: no CUDA device that can be used\n");
  return nullptr;
}

/// True once `ready` is, false when half a minute has passed.
template <class Ready>
bool soon(const Ready& ready) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!ready()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace troupe::test
