#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/engine/step.hpp"

namespace troupe {

/// How often a stage's experts were chosen since its last report (frame_kind expert_load).
struct expert_load_report {
  epoch_number epoch = 0;
  std::uint32_t first = 0;             ///< layer that `rows` begins with
  std::uint32_t experts = 0;           ///< numbers of each layer in it
  std::vector<std::uint32_t> rows;     ///< [layers, experts]: rows that chose the expert
  std::vector<std::uint64_t> nodes;    ///< peers that were asked for outputs
  std::vector<std::uint64_t> outputs;  ///< that each of them was asked for

  friend bool operator==(const expert_load_report&, const expert_load_report&) = default;
};

/// What a receiver allows.
struct load_bounds {
  std::uint32_t layers = 65'536;
  std::uint32_t experts = 65'536;  ///< of a layer
  std::uint32_t nodes = 16'384;
};

[[nodiscard]] std::vector<std::byte> encode_expert_load(const expert_load_report& report);
/// Checks that the layers are whole and within bounds, and that every node has its number.
[[nodiscard]] result<expert_load_report> decode_expert_load(std::span<const std::byte> header,
                                                            const load_bounds& bounds = {});

}  // namespace troupe
