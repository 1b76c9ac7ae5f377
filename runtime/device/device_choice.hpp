#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/device/cpu_device.hpp"

namespace troupe {

/// What a process computes on, as a setting says it: "cpu", "cuda", "cuda:2", or "auto", which is
/// the first GPU that can be used and else the processors.
struct device_choice {
  enum class kind : std::uint8_t { automatic, cpu, cuda };
  kind which = kind::cpu;
  int index = 0;
};
[[nodiscard]] result<device_choice> parse_device(std::string_view text);

/// The same with nothing left to find: "auto" as what it is on this machine.
[[nodiscard]] device_choice settled(const device_choice& choice);

/// One line for each device of this machine, the processors first: its name as parse_device takes
/// it, what it is, and why it cannot be used where it cannot.
[[nodiscard]] std::vector<std::string> describe_devices();

/// How a GPU is used.
struct gpu_use {
  std::uint32_t graph_rows =
      256;  ///< most rows of a step that is submitted as CUDA graphs; 0: none
};

/// Finds the device now, at run time: the same binary serves machines with and without a GPU.
/// `processors` and `gpu` say how each kind is used. `lost` is called once, on another thread, when
/// a GPU is lost for this process.
[[nodiscard]] result<std::shared_ptr<device>> make_device(
    const device_choice& choice, const processor_use& processors, const gpu_use& gpu = {},
    const std::function<void(const error&)>& lost = nullptr);

}  // namespace troupe
