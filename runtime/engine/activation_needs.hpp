#pragma once

#include <cstdint>
#include <memory>

#include "kernels/api/matrix.hpp"
#include "runtime/config/engine_config.hpp"
#include "runtime/device/device.hpp"

namespace troupe {

/// What of `asked` the device can do.
[[nodiscard]] inline activation_mode mode_on(device& d, activation_mode asked) {
  return d.kernels().reads_integers() ? asked : activation_mode::f32;
}

/// In which forms rows must be produced for the matrices that read them.
struct activation_needs {
  bool f32 = false;
  bool q8 = false;
  /// Rows that were rounded to FP8, as they travel. Nothing computes with them in this form.
  bool f8 = false;

  /// Adds a reader. 8-bit activations meet integer weights only, and only where the mode allows
  /// them.
  void add(const kernels::matrix& reader, activation_mode mode) {
    if (!reader) return;
    const bool integers =
        mode != activation_mode::f32 && kernels::is_integer_quantised(reader.type);
    (integers ? q8 : f32) = true;
  }
  void merge(const activation_needs& other) {
    f32 = f32 || other.f32;
    q8 = q8 || other.q8;
    f8 = f8 || other.f8;
  }
};

/// Memory for rows of activations in the forms that are computed with, lent out in the forms a
/// reader needs.
class activation_buffer {
 public:
  activation_buffer() = default;
  activation_buffer(device& d, std::size_t rows, std::uint32_t cols, const activation_needs& needs)
      : f32_(needs.f32 ? d.allocate(rows * cols * sizeof(float)) : device_buffer()),
        q8_(needs.q8 ? d.allocate(rows * kernels::q8_row_bytes(cols)) : device_buffer()),
        cols_(cols) {}

  /// The forms in `needs`; each must be among those this was made with.
  [[nodiscard]] kernels::activation view(const activation_needs& needs) const {
    return {needs.f32 ? f32_.as<float>() : nullptr, needs.q8 ? q8_.data() : nullptr, cols_};
  }

 private:
  device_buffer f32_;
  device_buffer q8_;
  std::uint32_t cols_ = 0;
};

}  // namespace troupe
