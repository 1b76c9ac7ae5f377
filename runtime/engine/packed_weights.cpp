#include "runtime/engine/packed_weights.hpp"

#include <new>
#include <utility>

namespace troupe {
namespace {

constexpr std::size_t alignment = 64;
/// File bytes packed between two reports, and between two times that file pages are let go.
constexpr std::size_t batch_bytes = 8U << 20U;

std::size_t aligned(std::size_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

}  // namespace

packed_weights::packed_weights(device& d, const model_files& files, activation_mode mode,
                               const weight_packing& packing)
    : device_(d),
      files_(files),
      // Float32 activations meet packed weights only where packing is what brings them to the
      // device.
      wanted_(packing.wanted && (mode != activation_mode::f32 || !d.kernels().reads_integers())),
      progress_(packing.progress) {}

void packed_weights::add(kernels::matrix& w) {
  if (wanted_ && w && device_.kernels().packed_bytes(w) > 0) matrices_.push_back(&w);
}

void packed_weights::pack() {
  kernels::backend& k = device_.kernels();
  if (matrices_.empty()) return;
  std::size_t total = 0;
  for (const kernels::matrix* w : matrices_) {
    total += aligned(k.packed_bytes(*w));
    if (progress_ != nullptr) progress_->wanted_bytes += w->bytes();
  }
  memory_ = device_.allocate(total);
  std::byte* to = memory_.data();
  std::vector<kernels::matrix> done;
  std::size_t done_bytes = 0;
  for (kernels::matrix* w : matrices_) {
    const std::size_t bytes = aligned(k.packed_bytes(*w));
    // Shapes were checked when the file was opened, so a refusal is a defect of the device.
    if (k.pack(device_.stream(), {*w, to}) != kernels::status::ok) throw std::bad_alloc();
    done.push_back(*w);
    done_bytes += w->bytes();
    w->data = to;
    w->layout = kernels::weight_layout::tiles;
    to += bytes;
    if (done_bytes < batch_bytes && w != matrices_.back()) continue;
    device_.notify([files = &files_, progress = progress_, batch = std::exchange(done, {}),
                    count = std::exchange(done_bytes, 0)] {
      for (const kernels::matrix& each : batch) files->let_go(each);
      if (progress != nullptr) progress->loaded_bytes += count;
    });
  }
  matrices_.clear();
}

}  // namespace troupe
