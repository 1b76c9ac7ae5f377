#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace troupe {

/// The load of a cluster at one time, as the supervisor sees it.
struct load_sample {
  std::uint32_t nodes = 0;    ///< that serve, or are on their way: asked for, started, joining
  std::uint32_t serving = 0;  ///< that serve now
  std::chrono::duration<double> queued{0};  ///< how long the oldest waiting request has waited
  double kv_use = 0;                        ///< of the KV pages, 0 to 1
  double tokens_per_second = 0;             ///< throughput, all nodes together
};

enum class scale_action : std::uint8_t { hold, up, down };

struct scale_decision {
  scale_action what = scale_action::hold;
  std::uint32_t nodes = 0;  ///< to have afterwards
  std::string reason;       ///< one line, for a hold too
};

/// When to add and when to remove nodes. Both need a cause that lasts, and time since the last
/// change; between what is too much and what is too little lies a range where nothing happens, and
/// a node is removed only if the others could bear its share: so a load that swings does not make
/// the cluster swing. Not thread-safe.
class autoscaler {
 public:
  using time_point = std::chrono::steady_clock::time_point;
  using duration = std::chrono::steady_clock::duration;

  struct limits {
    std::uint32_t least = 1;  ///< nodes
    std::uint32_t most = 1;
    std::chrono::duration<double> queued_high{0.5};  ///< longer: too few nodes
    std::chrono::duration<double> queued_low{0.05};  ///< shorter: perhaps too many
    double kv_high = 0.85;
    double kv_low = 0.6;  ///< what the KV use may be with a node less
    double busy_low =
        0.7;  ///< what throughput may be with a node less, of the best a node has shown
    duration up_after = std::chrono::seconds(5);  ///< the cause must last
    duration down_after = std::chrono::seconds(60);
    duration up_cooldown = std::chrono::seconds(20);  ///< since the last change
    duration down_cooldown = std::chrono::seconds(120);
    /// A queue this many times too long asks for a quarter more nodes at once instead of one.
    double urgent = 4;
  };

  explicit autoscaler(limits l) : limits_(l) {}

  /// To be called about every second. What is decided is taken to be done: if it fails, the next
  /// samples say so by their number of nodes, and it is decided again after the cool-down.
  [[nodiscard]] scale_decision observe(time_point now, const load_sample& sample);
  /// The same without deciding anything, for when nothing could be done.
  void watch(time_point now, const load_sample& sample);

 private:
  using cause = std::optional<std::string>;

  [[nodiscard]] cause too_few(const load_sample& s) const;
  [[nodiscard]] cause too_many(const load_sample& s) const;
  [[nodiscard]] scale_decision out_of_bounds(time_point now, const load_sample& s);
  scale_decision change(time_point now, scale_action what, std::uint32_t nodes, std::string reason);
  void learn(time_point now, const load_sample& s);

  limits limits_;
  std::optional<time_point> high_since_, low_since_, changed_, learned_;
  double best_per_node_ = 0;  ///< tokens a second; fades slowly, as models of use change
};

[[nodiscard]] std::string_view to_string(scale_action s);

}  // namespace troupe
