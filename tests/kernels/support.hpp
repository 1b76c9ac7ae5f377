#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "kernels/api/backend.hpp"
#include "kernels/cpu/task.hpp"

namespace troupe::kernels::test {

using generator = std::mt19937;

/// A stream that runs each task at once on the calling thread, as `threads` workers would: pieces
/// of random length in random order, each with the scratch of a random worker, full of rubbish.
class shuffled_stream final : public cpu::stream {
 public:
  explicit shuffled_stream(std::uint32_t threads = 1, std::uint32_t seed = 1);
  void submit(const cpu::task& t) override;
  [[nodiscard]] std::uint32_t threads() const override { return threads_; }

 private:
  void run(const cpu::task& t, std::uint32_t begin, std::uint32_t end);

  std::uint32_t threads_;
  generator random_;
  std::vector<std::vector<std::byte>> scratch_;
};

/// A matrix that owns its memory; `offset` bytes past an aligned address.
class owned_matrix {
 public:
  owned_matrix(dtype type, std::uint32_t rows, std::uint32_t cols, generator& random,
               std::size_t offset = 0);
  [[nodiscard]] matrix view() const;

 private:
  dtype type_;
  std::uint32_t rows_;
  std::uint32_t cols_;
  std::size_t offset_;
  std::vector<std::byte> bytes_;
  std::vector<float> scales_;
};

/// A matrix in the packed order of the CPU's back end, owned.
class packed_matrix {
 public:
  explicit packed_matrix(const matrix& from);
  [[nodiscard]] const matrix& view() const { return view_; }

 private:
  std::vector<std::byte> bytes_;
  matrix view_;
};

/// Activation rows that own their memory: float32 always, integers if `q8`, filled from the same
/// numbers.
class owned_activation {
 public:
  owned_activation(std::uint32_t rows, std::uint32_t cols, bool f32, bool q8);
  static owned_activation random(std::uint32_t rows, std::uint32_t cols, bool q8,
                                 generator& random);
  [[nodiscard]] activation view();
  /// From row `row` on.
  [[nodiscard]] activation view_from(std::uint32_t row);
  [[nodiscard]] const std::vector<float>& f32() const { return f32_; }
  [[nodiscard]] const std::vector<std::byte>& q8() const { return q8_; }

 private:
  std::uint32_t cols_;
  std::vector<float> f32_;
  std::vector<std::byte> q8_;
};

[[nodiscard]] std::vector<float> random_floats(std::size_t count, generator& random,
                                               float spread = 1.0F);
[[nodiscard]] std::uint32_t pick(generator& random, std::uint32_t low, std::uint32_t high);

/// Every type a weight may have.
[[nodiscard]] const std::vector<dtype>& weight_types();

/// Runs `body` with each instruction set this machine has, then restores the one in use.
void each_target(const std::function<void(const std::string&)>& body);

/// Largest |a - b| / (scale + |b|); infinity when sizes differ or a value is not finite.
[[nodiscard]] double largest_error(const std::vector<float>& a, const std::vector<float>& b,
                                   double scale);
/// Root of the mean square: what the rounding error of a product grows with.
[[nodiscard]] double typical(const std::vector<float>& values);
/// True when both hold the same bits.
[[nodiscard]] bool same_bits(const std::vector<float>& a, const std::vector<float>& b);

/// Makes the back end, for any number of calls.
[[nodiscard]] backend& cpu_backend();

}  // namespace troupe::kernels::test
