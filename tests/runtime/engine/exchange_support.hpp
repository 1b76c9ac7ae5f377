#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <vector>

#include "runtime/cache/kv_store.hpp"
#include "runtime/device/cpu_device.hpp"
#include "runtime/engine/attention_stage.hpp"
#include "runtime/engine/expert_dispatch.hpp"
#include "runtime/engine/expert_service.hpp"
#include "runtime/model/model_files.hpp"

namespace troupe::test {

using generator = std::mt19937;

/// Waits, with a deadline, until the device has passed what was submitted.
void pass(device& d);

/// The bytes of all parts, as a receiver gets them.
[[nodiscard]] std::vector<std::byte> joined(const std::vector<payload_part>& parts);

/// Where a service's answers arrive.
class reply_box {
 public:
  [[nodiscard]] expert_service::answer_handler handler();
  /// All answers so far, once there are as many; fewer if that takes too long.
  [[nodiscard]] std::vector<expert_reply> wait_for(std::size_t count);

 private:
  struct contents {
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<expert_reply> replies;
  };
  std::shared_ptr<contents> contents_ = std::make_shared<contents>();
};

/// Whose experts: `shards` contiguous runs of every layer's, as even as they get; a run may be
/// empty.
[[nodiscard]] std::vector<expert_range> shard_experts(const model_config& c, std::uint32_t shard,
                                                      std::uint32_t shards);

/// A process with experts: its bank and its service on a device.
struct expert_node {
  expert_node(std::shared_ptr<device> dev, const model_files& files,
              std::vector<expert_range> ranges, activation_mode mode,
              const expert_service::limits& most, expert_row_form rows = expert_row_form::exact);

  std::vector<expert_range> owned;
  std::shared_ptr<expert_bank> bank;
  expert_service service;
};

/// Who holds what of a layer, for a dispatch.
[[nodiscard]] std::vector<expert_holder> holders_of(
    std::uint32_t layer, const std::vector<std::unique_ptr<expert_node>>& nodes,
    const model_files& files, activation_mode mode, expert_row_form rows = expert_row_form::exact);

/// Random float32 rows that chose random experts of a layer, and room for the outputs.
struct random_rows {
  random_rows(const model_config& c, std::uint32_t layer, std::uint32_t rows, generator& random);

  [[nodiscard]] expert_call call();
  /// What `bank`, with every expert, makes of them.
  [[nodiscard]] std::vector<float> computed_by(expert_bank& bank, device& d);
  /// Makes every output differ from anything computed.
  void spoil();

  std::uint32_t layer, rows, top_k, hidden;
  std::vector<float> x;
  std::vector<std::int32_t> ids;
  std::vector<float> outputs;
};

/// Steps of a whole model on one stage, stopping where a layer's experts are due.
class stepper {
 public:
  static constexpr std::uint32_t page_size = 16;
  static constexpr std::uint32_t most_rows = 48;

  stepper(device& d, const model_files& files, activation_mode mode,
          expert_row_form rows = expert_row_form::exact);

  using layer_function = std::function<void(std::uint32_t, const expert_call&)>;
  /// Submits a step of one sequence of these tokens; `experts` is called behind each layer's
  /// routing.
  void step(const std::vector<token_id>& tokens, const layer_function& experts);
  /// The hidden rows, [rows, hidden], of the device.
  [[nodiscard]] const float* hidden() const { return x_.as<float>(); }

 private:
  const model_files& files_;
  kv_store kv_;
  attention_stage stage_;
  device_buffer x_;
  std::vector<std::shared_ptr<step_inputs>> inputs_;  ///< of all steps: the stream reads them
};

/// As many tokens of the model's vocabulary.
[[nodiscard]] std::vector<token_id> random_tokens(const model_config& c, std::uint32_t count,
                                                  generator& random);

[[nodiscard]] bool same_bits(const std::vector<float>& a, const std::vector<float>& b);
[[nodiscard]] std::unique_ptr<model_files> open_model(const std::filesystem::path& path);

}  // namespace troupe::test
