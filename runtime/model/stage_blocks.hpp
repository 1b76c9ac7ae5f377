#pragma once

#include <cstdint>
#include <vector>

#include "runtime/model/block_map.hpp"
#include "runtime/model/model_files.hpp"

namespace troupe {

/// Sets the flags of the blocks that hold a matrix of layers [first, last), and of the embedding
/// and the head where those layers are the first or the last; of experts only where they stay with
/// their stage. `map` is of the same files; there is a flag for each of its blocks.
void mark_stage(const model_files& files, const block_map& map, std::uint32_t first,
                std::uint32_t last, bool with_experts, std::vector<bool>& flags);
/// The same for experts [first, first + count) of a layer.
void mark_experts(const model_files& files, const block_map& map, std::uint32_t layer,
                  std::uint32_t first, std::uint32_t count, std::vector<bool>& flags);

}  // namespace troupe
