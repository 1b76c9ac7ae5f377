#pragma once

#include <memory>
#include <vector>

#include "runtime/device/cpu_device.hpp"
#include "runtime/engine/attention_stage.hpp"
#include "runtime/engine/expert_bank.hpp"
#include "runtime/model/model_files.hpp"

namespace troupe::test {

/// A whole model on one device without actors: one stage, one bank with every expert, one sequence.
/// Two threads of this machine are the device where none is given.
class forward_harness {
 public:
  forward_harness(std::unique_ptr<model_files> files, activation_mode mode, kernels::kv_type kv,
                  std::uint32_t most_rows, std::shared_ptr<device> on = nullptr);

  /// Logits [tokens, vocab] of every position of a sequence that starts at 0.
  [[nodiscard]] std::vector<float> logits(const std::vector<token_id>& tokens);
  [[nodiscard]] const model_config& config() const { return files_->config(); }

 private:
  std::unique_ptr<model_files> files_;
  std::shared_ptr<device> owned_;
  device& device_;
  activation_mode mode_;
  kv_store kv_;
  attention_stage stage_;
  std::unique_ptr<expert_bank> bank_;
  device_buffer hidden_;
};

/// -log softmax(row)[target].
[[nodiscard]] double negative_log_likelihood(const float* row, std::size_t vocab, token_id target);

}  // namespace troupe::test
