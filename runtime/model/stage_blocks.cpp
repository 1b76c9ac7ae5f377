#include "runtime/model/stage_blocks.hpp"

#include <array>

namespace troupe {
namespace {

constexpr std::array layer_matrices{matrix_slot::query, matrix_slot::key, matrix_slot::value,
                                    matrix_slot::attention_output};
constexpr std::array expert_matrices{matrix_slot::expert_gate, matrix_slot::expert_up,
                                     matrix_slot::expert_down};

void mark(const model_files& files, const block_map& map, const kernels::matrix& w,
          std::vector<bool>& flags) {
  if (!w) return;
  const auto at = files.place_of({w.data, w.bytes()});
  const auto file = at ? map.find(at->file) : std::nullopt;
  if (file) map.mark(*file, at->offset, w.bytes(), flags);
}

}  // namespace

void mark_stage(const model_files& files, const block_map& map, std::uint32_t first,
                std::uint32_t last, bool with_experts, std::vector<bool>& flags) {
  const model_config& config = files.config();
  for (std::uint32_t layer = first; layer < last; ++layer) {
    for (const matrix_slot slot : layer_matrices)
      mark(files, map, files.matrix(slot, layer, 0), flags);
    if (config.is_sparse(layer))
      mark(files, map, files.matrix(matrix_slot::router, layer, 0), flags);
    if (with_experts) mark_experts(files, map, layer, 0, config.layer_experts(layer), flags);
  }
  if (first == 0) mark(files, map, files.matrix(matrix_slot::token_embedding, 0, 0), flags);
  if (last == config.layers) mark(files, map, files.matrix(matrix_slot::head, 0, 0), flags);
}

void mark_experts(const model_files& files, const block_map& map, std::uint32_t layer,
                  std::uint32_t first, std::uint32_t count, std::vector<bool>& flags) {
  for (std::uint32_t expert = first; expert < first + count; ++expert)
    for (const matrix_slot slot : expert_matrices)
      mark(files, map, files.matrix(slot, layer, expert), flags);
}

}  // namespace troupe
