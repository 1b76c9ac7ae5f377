#include "runtime/device/device.hpp"

#include <utility>

namespace troupe {

device_buffer::device_buffer(device_buffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)),
      release_(std::exchange(other.release_, nullptr)),
      owner_(std::move(other.owner_)) {}

device_buffer& device_buffer::operator=(device_buffer&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  std::swap(release_, other.release_);
  std::swap(owner_, other.owner_);
  return *this;
}

device_buffer::~device_buffer() {
  if (data_ != nullptr && release_ != nullptr) release_(data_, bytes_);
}

result<std::unique_ptr<recorded_work>> device::record(const submit_function&) {
  return fail(errc::unsupported, "this device records no work");
}

}  // namespace troupe
