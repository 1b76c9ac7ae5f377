#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "actors/cache_slot.hpp"
#include "cluster/placement_adoption.hpp"
#include "runtime/cache/kv_store.hpp"
#include "runtime/cache/page_tiers.hpp"
#include "runtime/config/engine_config.hpp"
#include "runtime/device/device.hpp"
#include "runtime/engine/attention_stage.hpp"
#include "runtime/engine/expert_bank.hpp"
#include "runtime/model/block_store.hpp"

namespace troupe {

/// What a stage is loaded into: weights, and pages for its keys and values. What a prefix's pages
/// hold depends on its tokens alone, so that it is as true under the next supervisor as before.
struct stage_parts {
  layer_range layers;
  bool led = false;  ///< by this node, when it was last in use
  std::shared_ptr<kv_store> kv;
  std::shared_ptr<attention_stage> stage;
  std::shared_ptr<expert_bank> bank;  ///< null: experts live apart
  std::shared_ptr<cache_slot> cache;  ///< which prefixes the pages hold; null: nobody knows
  std::shared_ptr<page_tiers> tiers;  ///< of the manager in there; may be null
};

/// A set of experts apart from any stage, loaded.
struct expert_parts {
  std::vector<expert_range> owned;
  std::shared_ptr<expert_bank> bank;
};

/// What a node keeps while supervisors come and go: its device, the model's files, and the stages
/// that it was loaded with. Any thread.
class node_store {
 public:
  explicit node_store(std::shared_ptr<device> computes);
  node_store(const node_store&) = delete;
  node_store& operator=(const node_store&) = delete;
  ~node_store();

  [[nodiscard]] const std::shared_ptr<device>& dev() const { return device_; }
  /// The first of what was ever said here: what stages take is no less the node's.
  [[nodiscard]] std::size_t memory_once(std::size_t bytes);

  /// The supervisor that was found last, by its address.
  void found_at(const std::string& address);
  [[nodiscard]] std::string last_found() const;

  /// The files of the model, and the settings that stages depend on. Anything that was kept for
  /// others goes.
  void serve(std::shared_ptr<const model_files> files, const std::string& settings);
  /// Null: none yet.
  [[nodiscard]] std::shared_ptr<const model_files> files() const;

  /// Where the files come from peers: the blocks of them that are here. Null: the files are whole.
  [[nodiscard]] std::shared_ptr<block_store> blocks() const;
  void keep_blocks(std::shared_ptr<block_store> blocks);
  /// The disk has no room for what this node is to hold of the files.
  void run_out(const error& why);
  /// io_error: it has none, and another try would end in the same way.
  [[nodiscard]] result<void> room() const;
  /// Where whole files lie.
  [[nodiscard]] std::filesystem::path path() const;
  void keep_path(const std::filesystem::path& path);

  void put(stage_parts parts);
  void put(expert_parts parts);
  /// A stage that was put here, with so many pages, and with its experts or without.
  [[nodiscard]] std::optional<stage_parts> take(layer_range layers, std::uint32_t kv_pages,
                                                bool with_experts);
  /// A set of experts that was put here.
  [[nodiscard]] std::optional<expert_parts> take(const std::vector<expert_range>& owned);
  /// The stages that are here, and the pages that all of them have; 0: none is, they differ, or
  /// their experts live apart.
  [[nodiscard]] std::pair<std::vector<node_holdings::stage>, std::uint32_t> holdings() const;
  /// Gives up what is here.
  void clear();

 private:
  void release(std::vector<stage_parts> parts, std::vector<expert_parts> experts);

  std::shared_ptr<device> device_;
  mutable std::mutex mutex_;
  std::size_t memory_ = 0;
  std::string last_found_;
  std::string settings_;
  std::shared_ptr<const model_files> files_;
  std::shared_ptr<block_store> blocks_;
  std::optional<error> full_;
  std::filesystem::path path_;
  std::vector<stage_parts> parts_;
  std::vector<expert_parts> experts_;
};

}  // namespace troupe
