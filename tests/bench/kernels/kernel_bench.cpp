// Speed of the CPU's kernels on the shapes of SmolLM2-135M:  kernel_bench [THREADS] [TARGET]
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "kernels/cpu/target.hpp"
#include "tests/kernels/support.hpp"

namespace troupe::kernels {
namespace {

/// Threads that meet at a barrier before and after each task.
class bench_stream final : public cpu::stream {
 public:
  explicit bench_stream(std::uint32_t threads) : threads_(threads), meet_(threads) {
    for (std::uint32_t i = 0; i < threads; ++i)
      scratch_.emplace_back(std::make_unique<block[]>(cpu::worker_scratch_bytes / sizeof(block)));
    for (std::uint32_t i = 1; i < threads; ++i) helpers_.emplace_back([this, i] { serve(i); });
  }
  ~bench_stream() {
    task_ = nullptr;
    meet_.arrive_and_wait();
    for (std::thread& t : helpers_) t.join();
  }

  void submit(const cpu::task& t) override {
    task_ = &t;
    next_ = 0;
    meet_.arrive_and_wait();
    work(0);
    meet_.arrive_and_wait();
  }
  [[nodiscard]] std::uint32_t threads() const override { return threads_; }

 private:
  struct alignas(64) block {
    std::byte bytes[64];
  };

  void serve(std::uint32_t index) {
    for (;;) {
      meet_.arrive_and_wait();
      if (task_ == nullptr) return;
      work(index);
      meet_.arrive_and_wait();
    }
  }

  void work(std::uint32_t index) {
    const cpu::worker w{index, threads_, scratch_[index][0].bytes, cpu::worker_scratch_bytes};
    for (;;) {
      const std::uint32_t begin = next_.fetch_add(task_->grain);
      if (begin >= task_->items) return;
      task_->body(task_->params, begin, std::min(begin + task_->grain, task_->items), w);
    }
  }

  std::uint32_t threads_;
  std::barrier<> meet_;
  std::vector<std::unique_ptr<block[]>> scratch_;
  const cpu::task* task_ = nullptr;
  std::atomic<std::uint32_t> next_ = 0;
  std::vector<std::thread> helpers_;
};

/// Seconds a call takes: the best of the runs in 0.3 s, as other work on the machine only adds.
template <class Call>
double best_seconds(const Call& call) {
  using clock = std::chrono::steady_clock;
  double best = 1e9;
  double all = 0;
  for (int i = 0; i < 5 || all < 0.3; ++i) {
    const auto begin = clock::now();
    call();
    const double took = std::chrono::duration<double>(clock::now() - begin).count();
    best = std::min(best, took);
    all += took;
  }
  return best;
}

/// As many copies of a layer's weights as a whole model has, so that caches do not flatter.
void bench_linear(bench_stream& s, dtype type, bool q8, std::uint32_t outputs, std::uint32_t inputs,
                  std::uint32_t rows, std::uint32_t copies) {
  test::generator random(1);
  std::vector<test::owned_matrix> weights;
  for (std::uint32_t i = 0; i < copies; ++i) weights.emplace_back(type, outputs, inputs, random);
  test::owned_activation x = test::owned_activation::random(rows, inputs, q8, random);
  std::vector<float> y(std::size_t{rows} * outputs);
  const double seconds = best_seconds([&] {
    for (const test::owned_matrix& w : weights) {
      const linear_params p{x.view(), w.view(), nullptr, nullptr, y.data(), rows, outputs};
      if (test::cpu_backend().linear(s, p) != status::ok) std::abort();
    }
  });
  const double bytes = static_cast<double>(weights[0].view().bytes()) * copies;
  const double operations = 2.0 * rows * outputs * inputs * copies;
  fmt::print("linear {:7} {:3} {:6} x {:5} rows {:4}: {:9.3f} ms {:7.1f} GB/s {:8.1f} GOP/s\n",
             info(type).name, q8 ? "q8" : "f32", outputs, inputs, rows, seconds * 1e3,
             bytes / seconds / 1e9, operations / seconds / 1e9);
}

void bench_attention(bench_stream& s, std::uint32_t rows, std::uint32_t context) {
  test::generator random(1);
  constexpr std::uint32_t heads = 9;
  constexpr std::uint32_t kv_heads = 3;
  constexpr std::uint32_t dim = 64;
  constexpr std::uint32_t page = 32;
  const std::uint32_t pages = (context + page - 1) / page;
  std::vector<std::uint16_t> keys(std::size_t{pages} * page * kv_heads * dim, 0x3000);
  std::vector<std::uint16_t> values = keys;
  std::vector<std::int32_t> table(pages);
  for (std::uint32_t i = 0; i < pages; ++i) table[i] = static_cast<std::int32_t>(i);
  const std::int32_t* tables[] = {table.data()};
  std::vector<std::int32_t> positions(rows);
  for (std::uint32_t r = 0; r < rows; ++r)
    positions[r] = static_cast<std::int32_t>(context - rows + r);
  const std::vector<std::uint32_t> sequences(rows, 0);
  const std::vector<float> qkv =
      test::random_floats(std::size_t{rows} * (heads + 2 * kv_heads) * dim, random);
  test::owned_activation out(rows, heads * dim, false, true);
  attention_params p;
  p.qkv = qkv.data();
  p.cache = {reinterpret_cast<std::byte*>(keys.data()),
             reinterpret_cast<std::byte*>(values.data()),
             kv_type::f16,
             page,
             kv_heads,
             dim};
  p.where = {positions.data(), sequences.data(), tables, rows};
  p.out = out.view();
  p.scale = 0.125F;
  p.heads = heads;
  const double seconds = best_seconds([&] {
    if (test::cpu_backend().attention(s, p) != status::ok) std::abort();
  });
  double pairs = 0;
  for (const std::int32_t position : positions) pairs += position + 1;
  fmt::print("attention f16 context {:5} rows {:4}: {:9.3f} ms {:8.1f} GFLOP/s\n", context, rows,
             seconds * 1e3, pairs * heads * dim * 4 / seconds / 1e9);
}

void run(std::uint32_t threads) {
  bench_stream s(threads);
  fmt::print("{} threads, {}\n", threads, cpu::target());
  for (const std::uint32_t rows : {1U, 4U, 16U, 64U, 512U}) {
    bench_linear(s, dtype::q4_1, true, 1536, 576, rows, 60);
    bench_linear(s, dtype::q4_1, true, 576, 1536, rows, 30);
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
  bench_attention(s, 1, 512);
  bench_attention(s, 1, 4096);
  bench_attention(s, 512, 512);
  bench_attention(s, 64, 4096);
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
