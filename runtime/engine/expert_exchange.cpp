#include "runtime/engine/expert_exchange.hpp"

namespace troupe {

activation_needs expert_reads(const model_files& files, const expert_range& range,
                              activation_mode mode) {
  activation_needs forms;
  for (std::uint32_t e = range.first; e < range.first + range.count; ++e) {
    forms.add(files.matrix(matrix_slot::expert_gate, range.layer, e), mode);
    forms.add(files.matrix(matrix_slot::expert_up, range.layer, e), mode);
  }
  return forms;
}

activation_needs expert_takes(const model_files& files, const expert_range& range,
                              activation_mode mode, expert_row_form rows) {
  if (rows == expert_row_form::fp8 && files.config().is_sparse(range.layer)) return {.f8 = true};
  return expert_reads(files, range, mode);
}

expert_reply refusal_of(const expert_rows_header& asked) {
  return {{asked.epoch, asked.step, asked.layer, asked.shard, asked.attempt, false, {}}, {}};
}

}  // namespace troupe
