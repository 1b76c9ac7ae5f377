#include <atomic>

#include "kernels/cuda/launch.hpp"
#include "runtime/device/cuda/cuda_stream.hpp"
#include "tests/runtime/device/cuda/gpu.hpp"

namespace troupe {

// A program of its own: the context is gone for good afterwards.
TEST_CASE("a kernel that goes astray loses the device: it is said once, and no call waits") {
  std::atomic<int> lost = 0;
  const auto gpu = test::first_gpu([&](const error& why) {
    CHECK(why.code() == errc::unavailable);
    ++lost;
  });
  if (gpu == nullptr) return;
  auto& stream = static_cast<cuda_stream&>(gpu->stream());
  // An address of the device's range that nothing was allocated at.
  auto* const nowhere = reinterpret_cast<float*>(std::uintptr_t{0x7f0000000000});
  const std::uint32_t index = 0;
  const kernels::gather_rows_params astray{nowhere, &index, nowhere, 1, 64};
  (void)stream.launch(kernels::cuda::kernel_id::gather_rows, {1, 1, 1, 128, 0}, &astray);
  REQUIRE(test::soon([&] { return lost.load() > 0; }));
  CHECK(stream.lost());
  CHECK(stream.launch(kernels::cuda::kernel_id::gather_rows, {1, 1, 1, 128, 0}, &astray) ==
        kernels::status::device_error);
  bool called = false;
  gpu->notify([&called] { called = true; });
  CHECK_FALSE(called);
  CHECK(lost == 1);
}

}  // namespace troupe
