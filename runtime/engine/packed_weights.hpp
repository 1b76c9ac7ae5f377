#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

#include "kernels/api/matrix.hpp"
#include "runtime/config/engine_config.hpp"
#include "runtime/device/device.hpp"
#include "runtime/model/model_files.hpp"

namespace troupe {

/// How far the weights of a model have got on their way into memory. Any thread may read.
struct load_progress {
  std::atomic<std::size_t> wanted_bytes = 0;
  std::atomic<std::size_t> loaded_bytes = 0;
};

/// Whether a stage or shard keeps copies of its weights in the order that its device reads best.
struct weight_packing {
  bool wanted = false;
  std::shared_ptr<load_progress> progress;  ///< may be null
};

/// Copies of weight matrices in the order that a device reads best, for one stage or shard.
///
/// Matrices are added, then packed together into one allocation by work on the device's stream:
/// whatever is submitted afterwards finds them ready. The file's pages are let go behind it, so
/// that a model lies in memory once.
class packed_weights {
 public:
  /// Borrows the device and the files. Nothing is packed where activations stay float32.
  packed_weights(device& d, const model_files& files, activation_mode mode,
                 const weight_packing& packing);

  /// Makes `w` name its copy from pack() on, if the device gains by one; it must stay where it is
  /// until then. Only products with integer activations may read it afterwards.
  void add(kernels::matrix& w);

  /// Allocates (std::bad_alloc) and submits the copying. Once.
  void pack();

  [[nodiscard]] std::size_t bytes() const { return memory_.bytes(); }

 private:
  device& device_;
  const model_files& files_;
  bool wanted_;
  std::shared_ptr<load_progress> progress_;
  std::vector<kernels::matrix*> matrices_;
  device_buffer memory_;
};

}  // namespace troupe
