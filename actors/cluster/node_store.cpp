#include "actors/cluster/node_store.hpp"

#include <algorithm>
#include <utility>

namespace troupe {

node_store::node_store(std::shared_ptr<device> computes) : device_(std::move(computes)) {}

node_store::~node_store() { clear(); }

std::size_t node_store::memory_once(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  if (memory_ == 0) memory_ = bytes;
  return memory_;
}

void node_store::found_at(const std::string& address) {
  const std::lock_guard lock(mutex_);
  last_found_ = address;
}

std::string node_store::last_found() const {
  const std::lock_guard lock(mutex_);
  return last_found_;
}

void node_store::serve(std::shared_ptr<const model_files> files, const std::string& settings) {
  {
    const std::lock_guard lock(mutex_);
    if (files_ == files && settings_ == settings) return;
  }
  clear();
  const std::lock_guard lock(mutex_);
  files_ = std::move(files);
  settings_ = settings;
}

std::shared_ptr<const model_files> node_store::files() const {
  const std::lock_guard lock(mutex_);
  return files_;
}

std::shared_ptr<block_store> node_store::blocks() const {
  const std::lock_guard lock(mutex_);
  return blocks_;
}

void node_store::run_out(const error& why) {
  const std::lock_guard lock(mutex_);
  full_ = why;
}

result<void> node_store::room() const {
  const std::lock_guard lock(mutex_);
  if (!full_) return {};
  return fail(errc::io_error, "{}; this node cannot hold its part of the model", full_->message());
}

void node_store::keep_blocks(std::shared_ptr<block_store> blocks) {
  const std::lock_guard lock(mutex_);
  blocks_ = std::move(blocks);
}

std::filesystem::path node_store::path() const {
  const std::lock_guard lock(mutex_);
  return path_;
}

void node_store::keep_path(const std::filesystem::path& path) {
  const std::lock_guard lock(mutex_);
  path_ = path;
}

void node_store::put(stage_parts parts) {
  const std::lock_guard lock(mutex_);
  parts_.push_back(std::move(parts));
}

void node_store::put(expert_parts parts) {
  const std::lock_guard lock(mutex_);
  experts_.push_back(std::move(parts));
}

std::optional<expert_parts> node_store::take(const std::vector<expert_range>& owned) {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find(experts_, owned, &expert_parts::owned);
  if (found == experts_.end()) return std::nullopt;
  std::optional<expert_parts> taken(std::move(*found));
  experts_.erase(found);
  return taken;
}

std::optional<stage_parts> node_store::take(layer_range layers, std::uint32_t kv_pages,
                                            bool with_experts) {
  const std::lock_guard lock(mutex_);
  const auto found = std::ranges::find_if(parts_, [&](const stage_parts& p) {
    return p.layers == layers && p.kv->pages() == kv_pages && (p.bank != nullptr) == with_experts;
  });
  if (found == parts_.end()) return std::nullopt;
  std::optional<stage_parts> taken(std::move(*found));
  parts_.erase(found);
  return taken;
}

std::pair<std::vector<node_holdings::stage>, std::uint32_t> node_store::holdings() const {
  const std::lock_guard lock(mutex_);
  std::vector<node_holdings::stage> all;
  for (const stage_parts& p : parts_) {
    if (p.kv->pages() != parts_.front().kv->pages()) return {{}, 0};
    all.push_back({p.layers, p.led});
  }
  const bool apart = std::ranges::any_of(parts_, [](const auto& p) { return p.bank == nullptr; });
  const std::uint32_t pages = parts_.empty() || apart ? 0 : parts_.front().kv->pages();
  return {std::move(all), pages};
}

void node_store::clear() {
  std::vector<stage_parts> parts;
  std::vector<expert_parts> experts;
  {
    const std::lock_guard lock(mutex_);
    parts = std::exchange(parts_, {});
    experts = std::exchange(experts_, {});
  }
  release(std::move(parts), std::move(experts));
}

/// Submitted work may still use it.
void node_store::release(std::vector<stage_parts> parts, std::vector<expert_parts> experts) {
  for (stage_parts& p : parts) {
    release_behind(*device_, std::move(p.bank));
    release_behind(*device_, std::move(p.stage));
    release_behind(*device_, std::move(p.kv));
  }
  for (expert_parts& e : experts) release_behind(*device_, std::move(e.bank));
}

}  // namespace troupe
