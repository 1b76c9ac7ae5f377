#include "actors/bin/scale_workers.hpp"

#include <algorithm>
#include <utility>

namespace troupe::cli {
namespace {

/// For a process to end, once it has been told to: worker_processes kills it before.
constexpr std::chrono::seconds end_limit{10};

class worker_provider final : public scale_provider {
 public:
  worker_provider(worker_processes& kept, std::vector<worker_processes::worker> all)
      : kept_(kept), all_(std::move(all)) {}

  [[nodiscard]] std::string means() const override { return "processes"; }

  void grow(std::uint32_t count, time_point) override {
    std::vector<worker_processes::worker> idle;
    for (const auto& w : all_)
      if (idle.size() < count && !runs(w.name)) idle.push_back(w);
    if (idle.size() < count) {
      outcome_ = fail(errc::exhausted, "{} of {} processes run already, none is left for {} more",
                      all_.size() - idle.size(), all_.size(), count);
      return;
    }
    outcome_ = result<void>();
    for (auto& w : idle) {
      if (auto started = kept_.add(std::move(w)); !started) {
        outcome_ = fail(std::move(started.error()));
        return;
      }
    }
  }

  void shrink(const std::string& node, const std::string&, time_point now) override {
    // It ends by itself once it has been drained; where it does not, it is made to.
    kept_.remove(node);
    ending_ = node;
    deadline_ = now + end_limit;
  }

  [[nodiscard]] std::optional<result<void>> poll(time_point now) override {
    if (outcome_) return std::exchange(outcome_, std::nullopt);
    if (ending_.empty()) return std::nullopt;
    if (!is_kept(ending_)) {
      ending_.clear();
      return result<void>();
    }
    if (now < deadline_) return std::nullopt;
    return fail(errc::deadline_exceeded, "process {} has not ended within {} s",
                std::exchange(ending_, {}), end_limit.count());
  }

  [[nodiscard]] bool removable(const std::string& node) const override { return runs(node); }

 private:
  /// Whether it is kept running.
  [[nodiscard]] bool runs(const std::string& name) const {
    const auto state = kept_.state();
    return std::ranges::any_of(state, [&](const auto& s) { return s.name == name && !s.left; });
  }
  [[nodiscard]] bool is_kept(const std::string& name) const {
    const auto state = kept_.state();
    return std::ranges::any_of(state, [&](const auto& s) { return s.name == name; });
  }

  worker_processes& kept_;
  std::vector<worker_processes::worker> all_;
  std::optional<result<void>> outcome_;
  std::string ending_;
  time_point deadline_;
};

}  // namespace

std::unique_ptr<scale_provider> make_worker_provider(worker_processes& kept,
                                                     std::vector<worker_processes::worker> all) {
  return std::make_unique<worker_provider>(kept, std::move(all));
}

}  // namespace troupe::cli
