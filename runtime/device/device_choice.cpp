#include "runtime/device/device_choice.hpp"

#include <charconv>
#include <new>
#include <system_error>
#include <utility>

#include "runtime/device/cpu_device.hpp"
#ifdef TROUPE_CUDA
#include "runtime/device/cuda/cuda_device.hpp"
#endif

namespace troupe {
namespace {

#ifdef TROUPE_CUDA
result<std::shared_ptr<device>> make_gpu(int index, const gpu_use& use,
                                         const std::function<void(const error&)>& lost) {
  return make_cuda_device({.index = index, .graph_rows = use.graph_rows, .lost = lost});
}
/// The first that can be used; -1 for none.
int first_gpu() {
  for (const cuda_device_info& each : cuda_devices())
    if (each.unusable.empty()) return each.index;
  return -1;
}
#else
result<std::shared_ptr<device>> make_gpu(int index, const gpu_use&,
                                         const std::function<void(const error&)>&) {
  return fail(errc::unsupported, "cuda:{}: this troupe was built without CUDA", index);
}
int first_gpu() { return -1; }
#endif

}  // namespace

result<device_choice> parse_device(std::string_view text) {
  using kind = device_choice::kind;
  if (text == "auto") return device_choice{kind::automatic, 0};
  if (text == "cpu") return device_choice{kind::cpu, 0};
  if (text == "cuda") return device_choice{kind::cuda, 0};
  constexpr std::string_view prefix = "cuda:";
  if (text.substr(0, prefix.size()) == prefix) {
    const std::string_view number = text.substr(prefix.size());
    int index = 0;
    const char* const end = number.data() + number.size();
    const auto [rest, why] = std::from_chars(number.data(), end, index);
    if (why == std::errc() && rest == end && index >= 0) return device_choice{kind::cuda, index};
  }
  return fail(errc::invalid_argument, "\"{}\" is no device: cpu, cuda, cuda:N or auto", text);
}

device_choice settled(const device_choice& choice) {
  using kind = device_choice::kind;
  if (choice.which != kind::automatic) return choice;
  const int gpu = first_gpu();
  return gpu >= 0 ? device_choice{kind::cuda, gpu} : device_choice{kind::cpu, 0};
}

std::vector<std::string> describe_devices() {
  std::vector<std::string> lines = {fmt::format("cpu: {} processors", usable_processors())};
#ifdef TROUPE_CUDA
  for (const cuda_device_info& each : cuda_devices())
    lines.push_back(fmt::format("cuda:{}: {}, {}, {} MiB{}", each.index, each.name,
                                each.architecture, each.memory_bytes >> 20U,
                                each.unusable.empty() ? "" : ", cannot be used: " + each.unusable));
#endif
  return lines;
}

result<std::shared_ptr<device>> make_device(const device_choice& choice,
                                            const processor_use& processors, const gpu_use& gpu,
                                            const std::function<void(const error&)>& lost) {
  const device_choice found = settled(choice);
  if (found.which == device_choice::kind::cuda) return make_gpu(found.index, gpu, lost);
  try {
    return std::shared_ptr<device>(std::make_shared<cpu_device>(processors));
  } catch (const std::bad_alloc&) {
    return fail(errc::out_of_memory, "the compute threads could not be had");
  } catch (const std::system_error& e) {
    return fail(errc::io_error, "the compute threads could not be started: {}", e.what());
  }
}

}  // namespace troupe
