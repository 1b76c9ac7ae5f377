#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "runtime/device/device_choice.hpp"

namespace troupe {

/// Most devices that compute together.
inline constexpr std::uint32_t most_ranks = 16;

/// What computes: one device, as make_device() finds it, or `ranks` of them together. GPUs are the
/// chosen one and those after it, of one architecture; of the processors each rank has its part.
/// `lost` is called where a device is lost, and where the ranks have lost each other: nothing that
/// was submitted gives results then, and a process that is to serve on begins anew.
[[nodiscard]] result<std::shared_ptr<device>> make_team(
    const device_choice& choice, std::uint32_t ranks, const processor_use& processors,
    const gpu_use& gpu = {}, const std::function<void(const error&)>& lost = nullptr);

}  // namespace troupe
