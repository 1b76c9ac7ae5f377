#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/api/embed.hpp"
#include "kernels/api/experts.hpp"
#include "kernels/api/norm.hpp"
#include "kernels/cuda/body/reduce.hpp"
#include "kernels/cuda/body/weights.hpp"

// Operations on one row at a time, a block each.
namespace troupe::kernels::cuda {

struct embed_kernel {
  using params = embed_params;
  static constexpr std::uint32_t threads = 128;

  template <class Thread>
  TROUPE_KERNEL static void run(Thread& t, const params& p) {
    const auto row = static_cast<std::uint32_t>(p.ids[t.x()]);
    float* out = p.out + std::size_t{t.x()} * p.table.cols;
    for (std::uint32_t i = t.thread() * weight_run; i < p.table.cols; i += threads * weight_run) {
      float part[weight_run];
      const std::uint32_t count = least(weight_run, p.table.cols - i);
      read_weights(p.table, row, i, count, part);
      const float scale = p.table.type == dtype::f8_e4m3 ? block_scale(p.table, row, i) : 1.0F;
      for (std::uint32_t k = 0; k < count; ++k) out[i + k] = part[k] * scale;
    }
  }
};

/// out[i] = in[i] in BF16.
struct to_bf16_params {
  const float* in = nullptr;
  std::uint16_t* out = nullptr;
  std::size_t count = 0;
};

/// Grid: as many blocks as have `a_block` numbers each.
struct to_bf16_kernel {
  using params = to_bf16_params;
  static constexpr std::uint32_t threads = 256;
  static constexpr std::uint32_t a_block = 8 * threads;

  template <class Thread>
  TROUPE_KERNEL static void run(Thread& t, const params& p) {
    const std::size_t first = std::size_t{t.x()} * a_block;
    for (std::size_t i = first + t.thread(); i < first + a_block && i < p.count; i += threads)
      p.out[i] = to_bf16(p.in[i]);
  }
};

struct gather_rows_kernel {
  using params = gather_rows_params;
  static constexpr std::uint32_t threads = 128;

  template <class Thread>
  TROUPE_KERNEL static void run(Thread& t, const params& p) {
    const float* in = p.in + std::size_t{p.index[t.x()]} * p.cols;
    float* out = p.out + std::size_t{t.x()} * p.cols;
    for (std::uint32_t i = t.thread(); i < p.cols; i += threads) out[i] = in[i];
  }
};

struct rms_norm_kernel {
  using params = rms_norm_params;
  static constexpr std::uint32_t threads = 256;

  template <class Thread>
  TROUPE_KERNEL static void run(Thread& t, const params& p) {
    auto* room = t.template shared<float>();
    const float* x = p.x + std::size_t{t.x()} * p.cols;
    float* out = p.out.f32 + std::size_t{t.x()} * p.cols;
    float squares = 0;
    for (std::uint32_t i = t.thread(); i < p.cols; i += threads)
      squares = fmaf(x[i], x[i], squares);
    squares = block_sum(t, squares, room);
    const float root = sqrtf(squares / static_cast<float>(p.cols) + p.eps);
    for (std::uint32_t i = t.thread(); i < p.cols; i += threads) out[i] = x[i] / root * p.weight[i];
  }
};

struct combine_kernel {
  using params = combine_params;
  static constexpr std::uint32_t threads = 256;

  template <class Thread>
  TROUPE_KERNEL static void run(Thread& t, const params& p) {
    const std::size_t slot = std::size_t{t.x()} * p.top_k;
    for (std::uint32_t i = t.thread(); i < p.cols; i += threads) {
      float total = 0;
      for (std::uint32_t k = 0; k < p.top_k; ++k) {
        const float weight = p.weights == nullptr ? 1.0F : p.weights[slot + k];
        total += weight * p.outputs[(slot + k) * p.cols + i];
      }
      p.x[std::size_t{t.x()} * p.cols + i] += total;
    }
  }
};

}  // namespace troupe::kernels::cuda
