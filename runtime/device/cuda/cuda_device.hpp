#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "runtime/device/device.hpp"

namespace troupe {

/// A GPU that was found.
struct cuda_device_info {
  int index = 0;
  std::string name;
  std::string architecture;  ///< "sm_90"
  std::size_t memory_bytes = 0;
  std::uint32_t processors = 0;
  /// Why this build cannot compute on it; empty when it can.
  std::string unusable;
};

/// What there is on this machine; empty without a GPU or a driver.
[[nodiscard]] std::vector<cuda_device_info> cuda_devices();

struct cuda_device_options {
  int index = 0;
  std::uint32_t graph_rows = 0;  ///< most rows of a step that is submitted as graphs; 0: none
  /// BF16 products by cuBLASLt. Not to be relied on before a device has shown that a row's bits do
  /// not depend on the others then.
  bool vendor_products = false;
  /// Called once, on a thread of the device, when the device is lost for this process (a sticky
  /// error). Work that was submitted is not finished and its notifications never come: whoever
  /// holds the device gives up and lets the cluster recover.
  std::function<void(const error&)> lost = {};
};

/// One GPU as a device. Its memory is CUDA's managed memory, which lives on the device and which
/// the host may touch as well; parameters and tables that the runtime keeps in ordinary memory are
/// read through the driver's heterogeneous memory management, so a device without it is refused.
[[nodiscard]] result<std::shared_ptr<device>> make_cuda_device(const cuda_device_options& options);

}  // namespace troupe
