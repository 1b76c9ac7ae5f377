// Each GPU kernel's time, and its share of what the device reaches by copying memory: decode is
// bound by memory, so that is the limit for every shape here.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "kernels/api/backend.hpp"
#include "runtime/device/cuda/cuda_device.hpp"
#include "runtime/device/cuda/cuda_stream.hpp"

namespace {

using namespace troupe;
using kernels::status;

constexpr std::uint32_t hidden = 4096;
constexpr std::uint32_t inner = 1536;

cuda_stream& stream_of(device& d) { return static_cast<cuda_stream&>(d.stream()); }

/// Seconds that one run takes on the stream: the least of some, after a first that does not count.
double seconds(device& d, const std::function<status()>& run) {
  double least = 1e9;
  for (int i = 0; i < 6; ++i) {
    auto begin = cuda_event::make();
    auto end = cuda_event::make();
    if (!begin || !end || !begin->record(stream_of(d).get()) || run() != status::ok ||
        !end->record(stream_of(d).get()) || cudaEventSynchronize(end->get()) != cudaSuccess)
      return 0;
    if (i > 0) least = std::min(least, end->seconds_since(*begin).value_or(1e9));
  }
  return least;
}

class bench {
 public:
  explicit bench(device& d)
      : device_(d), from_(d.allocate(256U << 20U)), to_(d.allocate(256U << 20U)) {
    const double time = seconds(d, [&] {
      return stream_of(d).copy({to_.data(), from_.data(), from_.bytes()});
    });
    limit_ = 2.0 * static_cast<double>(from_.bytes()) / time;
    fmt::print("{:40} {:10.1f} GB/s\n", "copy", limit_ / 1e9);
  }

  void line(const std::string& name, double bytes, const std::function<status()>& run) {
    const double time = seconds(device_, run);
    if (time == 0) return fmt::print("{:40} failed\n", name);
    fmt::print("{:40} {:10.1f} us {:8.1f} GB/s {:5.1f} %\n", name, time * 1e6, bytes / time / 1e9,
               100 * bytes / time / limit_);
  }

  void norm(std::uint32_t rows) {
    line(fmt::format("rms_norm {} x {}", rows, hidden), 2.0 * rows * hidden * sizeof(float), [&] {
      return device_.kernels().rms_norm(device_.stream(), {from_.as<float>(),
                                                           from_.as<float>(),
                                                           {to_.as<float>(), nullptr, hidden},
                                                           1e-6F,
                                                           rows,
                                                           hidden});
    });
  }
  void linear(kernels::dtype type, std::uint32_t rows) {
    kernels::matrix w{from_.data(), from_.as<float>(), type, hidden, hidden};
    line(fmt::format("linear {} x {} x {} {}", rows, hidden, hidden, info(type).name),
         static_cast<double>(w.bytes()), [&] {
           return device_.kernels().linear(device_.stream(),
                                           {{to_.as<float>(), nullptr, hidden},
                                            w,
                                            nullptr,
                                            nullptr,
                                            to_.as<float>() + std::size_t{rows} * hidden,
                                            rows,
                                            hidden});
         });
  }
  void experts(kernels::dtype type, std::uint32_t rows) {
    constexpr std::uint32_t count = 8;
    const std::size_t bytes = kernels::row_bytes(type, hidden) * inner;
    const device_buffer table = device_.allocate(count * sizeof(kernels::expert_weights));
    const device_buffer lists = device_.allocate((count + 1 + std::size_t{rows} * count) * 4);
    auto* offsets = lists.as<std::uint32_t>();
    for (std::uint32_t e = 0; e < count; ++e) {
      kernels::matrix w{from_.data() + e * 2 * bytes, from_.as<float>(), type, inner, hidden};
      auto& expert = table.as<kernels::expert_weights>()[e];
      expert.gate = w;
      expert.up = w;
      expert.up.data += bytes;
      expert.down = {w.data, w.scales, type, hidden, inner};
      offsets[e] = e * rows;
      for (std::uint32_t r = 0; r < rows; ++r) offsets[count + 1 + e * rows + r] = r * count + e;
    }
    offsets[count] = count * rows;
    line(fmt::format("experts up, {} of {} rows {}", count, rows, info(type).name),
         2.0 * count * static_cast<double>(bytes), [&] {
           return device_.kernels().expert_up(
               device_.stream(), {table.as<kernels::expert_weights>(),
                                  offsets,
                                  offsets + count + 1,
                                  {to_.as<float>(), nullptr, hidden},
                                  {to_.as<float>() + std::size_t{rows} * hidden, nullptr, inner},
                                  count,
                                  rows,
                                  count});
         });
  }
  void attention(std::uint32_t rows, std::uint32_t positions) {
    constexpr std::uint32_t kv_heads = 4;
    constexpr std::uint32_t heads = 64;
    constexpr std::uint32_t dim = 128;
    constexpr std::uint32_t page = 32;
    const std::size_t pages = positions / page;
    const device_buffer lists = device_.allocate(pages * 4 + rows * 16 + 64);
    auto* table = lists.as<std::int32_t>();
    auto* position = table + pages;
    auto* sequence = reinterpret_cast<std::uint32_t*>(position + rows);
    const device_buffer pointer = device_.allocate(sizeof table);
    pointer.as<const std::int32_t*>()[0] = table;
    for (std::size_t i = 0; i < pages; ++i) table[i] = static_cast<std::int32_t>(i);
    std::fill_n(position, rows, static_cast<std::int32_t>(positions - 1));
    const device_buffer room = device_.allocate(
        kernels::attention_workspace_bytes(heads, dim, std::size_t{positions} * rows));
    kernels::attention_params p;
    p.qkv = from_.as<float>();
    p.cache = {from_.data(), from_.data() + (128U << 20U), kernels::kv_type::f16, page, kv_heads,
               dim};
    p.where = {position, sequence, pointer.as<const std::int32_t*>(), rows};
    p.out = {to_.as<float>(), nullptr, heads * dim};
    p.heads = heads;
    p.workspace = room.data();
    p.workspace_bytes = room.bytes();
    // One sequence's keys and values, which every row reads.
    line(fmt::format("attention {} rows at {}", rows, positions),
         2.0 * 2 * rows * positions * kv_heads * dim,
         [&] { return device_.kernels().attention(device_.stream(), p); });
  }

 private:
  device& device_;
  device_buffer from_, to_;
  double limit_ = 0;
};

}  // namespace

int main() {
  for (const cuda_device_info& each : cuda_devices()) {
    const auto found = make_cuda_device({.index = each.index});
    if (!found) {
      fmt::print("{}\n", found.error().message());
      continue;
    }
    fmt::print("cuda:{} {} {}\n", each.index, each.name, each.architecture);
    bench b(**found);
    for (const std::uint32_t rows : {1U, 64U}) {
      b.norm(rows);
      for (const auto type :
           {kernels::dtype::bf16, kernels::dtype::f8_e4m3, kernels::dtype::q4_k}) {
        b.linear(type, rows);
        b.experts(type, rows);
      }
      b.attention(rows, 8192);
    }
    return 0;
  }
  fmt::print("skipped: no CUDA device that can be used\n");
  return 0;
}
