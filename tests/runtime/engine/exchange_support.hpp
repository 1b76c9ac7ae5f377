#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <random>
#include <vector>

#include "runtime/device/cpu_device.hpp"
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
              const expert_service::limits& most);

  std::vector<expert_range> owned;
  std::shared_ptr<expert_bank> bank;
  expert_service service;
};

/// Who holds what of a layer, for a dispatch.
[[nodiscard]] std::vector<expert_holder> holders_of(
    std::uint32_t layer, const std::vector<std::unique_ptr<expert_node>>& nodes,
    const model_files& files, activation_mode mode);

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

[[nodiscard]] bool same_bits(const std::vector<float>& a, const std::vector<float>& b);
[[nodiscard]] std::unique_ptr<model_files> open_model(const std::filesystem::path& path);

}  // namespace troupe::test
