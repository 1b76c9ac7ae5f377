#include "actors/engine/memory_plan.hpp"

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>

#include "runtime/cache/kv_layout.hpp"

namespace troupe {
namespace {

double gib(std::size_t bytes) { return static_cast<double>(bytes) / (1024.0 * 1024 * 1024); }

/// The number in a one-line file; `none` where there is no such file or it says "max".
std::size_t read_number(const char* path, std::size_t none) {
  std::ifstream in(path);
  std::size_t value = 0;
  return in >> value ? value : none;
}

}  // namespace

result<memory_plan> plan_memory(const model_config& model, const engine_config& config,
                                std::size_t weight_bytes, std::size_t available) {
  if (weight_bytes >= available) {
    return fail(errc::out_of_memory,
                "the weights take {:.2f} GiB and {:.2f} GiB of memory are available",
                gib(weight_bytes), gib(available));
  }
  const kv_layout whole{model.layers, model.kv_heads, model.head_dim, config.page_size, config.kv};
  memory_plan plan;
  plan.kv_bytes_per_token = whole.position_bytes();
  plan.context = config.context == 0 ? model.context : std::min(config.context, model.context);
  const std::size_t left = available - weight_bytes;
  const std::uint64_t usable = std::uint64_t{whole.pages_for(plan.context)} * config.max_sequences;
  std::uint64_t pages = config.kv_bytes / whole.page_bytes();
  if (config.kv_bytes == 0) {
    pages = std::min<std::uint64_t>(usable, left / 4 / whole.page_bytes());
  } else if (config.kv_bytes > left) {
    return fail(errc::out_of_memory,
                "{:.2f} GiB for KV and {:.2f} GiB of weights do not fit the {:.2f} GiB of memory "
                "that are available",
                gib(config.kv_bytes), gib(weight_bytes), gib(available));
  }
  if (pages == 0) {
    return fail(errc::out_of_memory,
                "no KV page fits: a page of {} positions takes {} KiB, {:.3f} GiB are there for KV",
                config.page_size, whole.page_bytes() / 1024,
                gib(config.kv_bytes == 0 ? left / 4 : config.kv_bytes));
  }
  plan.kv_pages = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(pages, std::numeric_limits<std::int32_t>::max()));
  plan.kv_bytes = whole.page_bytes() * plan.kv_pages;
  const std::uint64_t positions = std::uint64_t{plan.kv_pages} * config.page_size;
  plan.context = static_cast<std::uint32_t>(std::min<std::uint64_t>(plan.context, positions));
  return plan;
}

std::size_t available_memory() {
  std::size_t machine = std::numeric_limits<std::size_t>::max();
  std::ifstream info("/proc/meminfo");
  for (std::string key, unit; info >> key;) {
    std::size_t kib = 0;
    info >> kib;
    std::getline(info, unit);
    if (key == "MemAvailable:") machine = kib * 1024;
  }
  constexpr std::size_t none = std::numeric_limits<std::size_t>::max();
  const std::size_t limit = read_number("/sys/fs/cgroup/memory.max", none);
  const std::size_t used = read_number("/sys/fs/cgroup/memory.current", 0);
  if (limit == none) return machine;
  return std::min(machine, limit > used ? limit - used : 0);
}

}  // namespace troupe
