// Speed of the CPU's kernels on the shapes of SmolLM2-135M:  kernel_bench [THREADS] [TARGET]
#include <fmt/format.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "kernels/cpu/target.hpp"
#include "tests/bench/kernels/attention_bench.hpp"
#include "tests/kernels/support.hpp"

namespace troupe::kernels {
namespace {

/// As many copies of a layer's weights as a whole model has, so that caches do not flatter.
void bench_linear(bench::bench_stream& s, dtype type, bool q8, std::uint32_t outputs,
                  std::uint32_t inputs, std::uint32_t rows, std::uint32_t copies) {
  test::generator random(1);
  const test::owned_matrix weight(type, outputs, inputs, random);
  std::vector<test::owned_matrix> in_file_order;
  std::vector<test::packed_matrix> packed;
  for (std::uint32_t i = 0; i < copies; ++i) {
    if (q8)
      packed.emplace_back(weight.view());
    else
      in_file_order.push_back(weight);
  }
  std::vector<matrix> weights;
  weights.reserve(packed.size() + in_file_order.size());
  for (const test::packed_matrix& w : packed) weights.push_back(w.view());
  for (const test::owned_matrix& w : in_file_order) weights.push_back(w.view());
  test::owned_activation x = test::owned_activation::random(rows, inputs, q8, random);
  std::vector<float> y(std::size_t{rows} * outputs);
  const double seconds = bench::best_seconds([&] {
    for (const matrix& w : weights) {
      const linear_params p{x.view(), w, nullptr, nullptr, y.data(), rows, outputs};
      if (test::cpu_backend().linear(s, p) != status::ok) std::abort();
    }
  });
  const double bytes = static_cast<double>(weights[0].bytes()) * copies;
  const double operations = 2.0 * rows * outputs * inputs * copies;
  fmt::print("linear {:7} {:3} {:6} x {:5} rows {:4}: {:9.3f} ms {:7.1f} GB/s {:8.1f} GOP/s\n",
             info(type).name, q8 ? "q8" : "f32", outputs, inputs, rows, seconds * 1e3,
             bytes / seconds / 1e9, operations / seconds / 1e9);
}

void run(std::uint32_t threads) {
  bench::bench_stream s(threads);
  fmt::print("{} threads, {}\n", threads, cpu::target());
  for (const std::uint32_t rows : {1U, 4U, 16U, 64U, 512U}) {
    bench_linear(s, dtype::q4_1, true, 1536, 576, rows, 60);
    bench_linear(s, dtype::q4_1, true, 576, 1536, rows, 30);
  }
  for (const std::uint32_t rows : {1U, 4U, 16U, 64U, 512U}) {
    bench_linear(s, dtype::f16, false, 1536, 576, rows, 60);
    bench_linear(s, dtype::f16, false, 576, 1536, rows, 30);
  }
  bench_linear(s, dtype::q8_0, true, 49152, 576, 1, 1);
  for (const dtype type : test::weight_types()) {
    const std::uint32_t inputs = 1536;
    for (const bool q8 : {true, false}) {
      if (q8 && !is_integer_quantised(type)) continue;
      bench_linear(s, type, q8, 1536, inputs, 1, 30);
      bench_linear(s, type, q8, 256, inputs, 64, 1);
    }
  }
  bench::bench_attention(s);
}

}  // namespace
}  // namespace troupe::kernels

int main(int count, char** arguments) {
  const std::vector<std::string> given(arguments + 1, arguments + count);
  if (given.size() > 1 && !troupe::kernels::cpu::set_target(given[1])) {
    fmt::print(stderr, "unknown target {}\n", given[1]);
    return 2;
  }
  const int threads = given.empty() ? 2 : std::atoi(given[0].c_str());
  if (threads < 1) {
    fmt::print(stderr, "usage: kernel_bench [THREADS] [TARGET]\n");
    return 2;
  }
  troupe::kernels::run(static_cast<std::uint32_t>(threads));
  return 0;
}
