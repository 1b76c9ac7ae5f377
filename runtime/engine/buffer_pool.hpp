#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/device/device.hpp"

namespace troupe {

/// Memory in pieces of one size that goes out with a message and comes back by itself, on whatever
/// thread lets go of it last. A few pieces are kept for the next, so that steady traffic allocates
/// nothing; how many are out is for the queues that hold them to bound.
class buffer_pool {
 public:
  /// The device's own memory, or what it shares with the machine (device::allocate_shared).
  enum class place : std::uint8_t { device, shared };

  /// `keep`: most pieces that lie unused.
  buffer_pool(device& d, std::size_t piece_bytes, std::size_t keep, place where = place::device)
      : device_(d),
        piece_bytes_(piece_bytes),
        where_(where),
        shelf_(std::make_shared<shelf>(keep)) {}

  /// A piece with contents of whoever had it last. It may outlive the pool and the device.
  /// out_of_memory if there is none. One thread at a time.
  [[nodiscard]] result<std::shared_ptr<device_buffer>> take();

  [[nodiscard]] std::size_t piece_bytes() const { return piece_bytes_; }

 private:
  class shelf {
   public:
    explicit shelf(std::size_t keep) : keep_(keep) { unused_.reserve(keep); }
    [[nodiscard]] std::unique_ptr<device_buffer> get();
    void put_back(std::unique_ptr<device_buffer> piece);

   private:
    std::mutex mutex_;
    std::size_t keep_;
    std::vector<std::unique_ptr<device_buffer>> unused_;
  };

  device& device_;
  std::size_t piece_bytes_;
  place where_;
  std::shared_ptr<shelf> shelf_;
};

}  // namespace troupe
