#include "tests/kernels/support.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <stdexcept>
#include <utility>

#include "kernels/cpu/backend.hpp"
#include "kernels/cpu/target.hpp"
#include "kernels/reference/convert.hpp"
#include "kernels/reference/dequantise.hpp"

namespace troupe::kernels::test {

std::uint32_t pick(generator& random, std::uint32_t low, std::uint32_t high) {
  return std::uniform_int_distribution<std::uint32_t>(low, high)(random);
}

shuffled_stream::shuffled_stream(std::uint32_t threads, std::uint32_t seed)
    : threads_(threads), random_(seed), scratch_(threads) {
  for (auto& s : scratch_) s.resize(cpu::worker_scratch_bytes + 64);
}

void shuffled_stream::submit(const cpu::task& t) {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> pieces;
  for (std::uint32_t at = 0; at < t.items;) {
    const std::uint32_t most = threads_ == 1 ? t.items - at : t.grain;
    const std::uint32_t length = std::min(pick(random_, 1, most), t.items - at);
    pieces.emplace_back(at, at + length);
    at += length;
  }
  if (threads_ > 1) std::shuffle(pieces.begin(), pieces.end(), random_);
  for (const auto& [begin, end] : pieces) run(t, begin, end);
}

void shuffled_stream::run(const cpu::task& t, std::uint32_t begin, std::uint32_t end) {
  cpu::worker w;
  w.index = pick(random_, 0, threads_ - 1);
  w.threads = threads_;
  auto& scratch = scratch_[w.index];
  // All ones are NaN as floats: what reads memory it did not write shows.
  std::memset(scratch.data(), 0xff, scratch.size());
  void* aligned = scratch.data();
  std::size_t room = scratch.size();
  std::align(64, cpu::worker_scratch_bytes, aligned, room);
  w.scratch = static_cast<std::byte*>(aligned);
  w.scratch_bytes = cpu::worker_scratch_bytes;
  t.body(t.params, begin, end, w);
}

namespace {

void put_half(std::byte* to, float value) {
  const std::uint16_t bits = reference::to_f16(value);
  std::memcpy(to, &bits, sizeof bits);
}

/// Random bytes with small float16 scales where the block has them, or a random element.
void fill_block(dtype type, std::byte* block, generator& random) {
  std::normal_distribution<float> normal(0.0F, 0.02F);
  for (std::uint32_t i = 0; i < info(type).block_bytes; ++i)
    block[i] = static_cast<std::byte>(pick(random, 0, 255));
  const float value = normal(random);
  switch (type) {
    case dtype::f32:
      std::memcpy(block, &value, sizeof value);
      return;
    case dtype::f16:
      return put_half(block, value);
    case dtype::bf16:
      std::memcpy(block, reinterpret_cast<const std::byte*>(&value) + 2, 2);
      return;
    case dtype::f8_e4m3:
      if ((*block & std::byte{0x7f}) == std::byte{0x7f}) *block = std::byte{0};
      return;
    case dtype::q6_k:
      return put_half(block + 208, value / 100);
    case dtype::q4_1:
    case dtype::q4_k:
      put_half(block + 2, normal(random) / 4);
      [[fallthrough]];
    default:
      put_half(block, value / 4);
  }
}

}  // namespace

owned_matrix::owned_matrix(dtype type, std::uint32_t rows, std::uint32_t cols, generator& random,
                           std::size_t offset)
    : type_(type), rows_(rows), cols_(cols), offset_(offset) {
  const std::size_t bytes = row_bytes(type, cols) * rows;
  bytes_.resize(offset + bytes);
  for (std::size_t at = 0; at < bytes; at += info(type).block_bytes)
    fill_block(type, bytes_.data() + offset + at, random);
  if (type == dtype::f8_e4m3) {
    scales_ = random_floats(std::size_t{(rows + 127) / 128} * ((cols + 127) / 128), random, 1e-3F);
  }
}

matrix owned_matrix::view() const {
  return {bytes_.data() + offset_, scales_.empty() ? nullptr : scales_.data(), type_, rows_, cols_};
}

packed_matrix::packed_matrix(const matrix& from)
    : bytes_(cpu_backend().packed_bytes(from)), view_(from) {
  shuffled_stream s(2);
  if (cpu_backend().pack(s, {from, bytes_.data()}) != status::ok)
    throw std::runtime_error("pack refused a matrix");
  view_.data = bytes_.data();
  view_.layout = weight_layout::tiles;
}

owned_activation::owned_activation(std::uint32_t rows, std::uint32_t cols, bool f32, bool q8)
    : cols_(cols),
      f32_(f32 ? std::size_t{rows} * cols : 0),
      q8_(q8 ? rows * q8_row_bytes(cols) : 0) {}

owned_activation owned_activation::random(std::uint32_t rows, std::uint32_t cols, bool q8,
                                          generator& random) {
  owned_activation a(rows, cols, true, q8);
  a.f32_ = random_floats(std::size_t{rows} * cols, random);
  for (std::uint32_t r = 0; q8 && r < rows; ++r)
    reference::quantise_row(a.f32_.data() + std::size_t{r} * cols, cols,
                            a.q8_.data() + r * q8_row_bytes(cols));
  return a;
}

activation owned_activation::view() { return view_from(0); }

activation owned_activation::view_from(std::uint32_t row) {
  return {f32_.empty() ? nullptr : f32_.data() + std::size_t{row} * cols_,
          q8_.empty() ? nullptr : q8_.data() + row * q8_row_bytes(cols_), cols_};
}

std::vector<float> random_floats(std::size_t count, generator& random, float spread) {
  std::normal_distribution<float> normal(0.0F, spread);
  std::vector<float> values(count);
  for (float& v : values) v = normal(random);
  return values;
}

const std::vector<dtype>& weight_types() {
  static const std::vector<dtype> types = {dtype::f32,     dtype::f16,  dtype::bf16,
                                           dtype::f8_e4m3, dtype::q8_0, dtype::q4_0,
                                           dtype::q4_1,    dtype::q4_k, dtype::q6_k};
  return types;
}

void each_target(const std::function<void(const std::string&)>& body) {
  const std::string before = cpu::target();
  for (const std::string& name : cpu::supported_targets()) {
    if (cpu::set_target(name)) body(name);
  }
  (void)cpu::set_target(before);
}

double largest_error(const std::vector<float>& a, const std::vector<float>& b, double scale) {
  if (a.size() != b.size()) return std::numeric_limits<double>::infinity();
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double error = std::abs(double{a[i]} - double{b[i]}) / (scale + std::abs(double{b[i]}));
    if (!std::isfinite(error)) return std::numeric_limits<double>::infinity();
    worst = std::max(worst, error);
  }
  return worst;
}

double typical(const std::vector<float>& values) {
  double squares = 0;
  for (const float v : values) squares += double{v} * double{v};
  return std::sqrt(squares / static_cast<double>(values.size())) + 1e-6;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

backend& cpu_backend() {
  static const std::unique_ptr<backend> instance = cpu::make_cpu_backend();
  return *instance;
}

}  // namespace troupe::kernels::test
