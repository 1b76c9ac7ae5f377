#include "cluster/autoscaler.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace troupe {
namespace {

/// The best throughput of a node counts half after this long.
constexpr std::chrono::duration<double> half_life{3600};

double seconds(autoscaler::duration d) { return std::chrono::duration<double>(d).count(); }

/// Starts, keeps or ends the time since which something holds.
void mark(std::optional<autoscaler::time_point>& since, bool holds, autoscaler::time_point now) {
  if (!holds) {
    since.reset();
  } else if (!since) {
    since = now;
  }
}

}  // namespace

std::string_view to_string(scale_action s) {
  switch (s) {
    case scale_action::up:
      return "up";
    case scale_action::down:
      return "down";
    case scale_action::hold:
      break;
  }
  return "hold";
}

void autoscaler::learn(time_point now, const load_sample& s) {
  if (learned_ && now > *learned_) {
    const std::chrono::duration<double> passed = now - *learned_;
    best_per_node_ *= std::exp2(-(passed / half_life));
  }
  learned_ = now;
  if (s.serving > 0) best_per_node_ = std::max(best_per_node_, s.tokens_per_second / s.serving);
}

autoscaler::cause autoscaler::too_few(const load_sample& s) const {
  if (s.queued > limits_.queued_high) {
    return fmt::format("requests wait {:.2f} s, more than {:.2f} s", s.queued.count(),
                       limits_.queued_high.count());
  }
  if (s.kv_use > limits_.kv_high)
    return fmt::format("KV use is {:.0f} %, more than {:.0f} %", s.kv_use * 100,
                       limits_.kv_high * 100);
  return std::nullopt;
}

autoscaler::cause autoscaler::too_many(const load_sample& s) const {
  if (s.serving < 2 || s.queued > limits_.queued_low) return std::nullopt;
  const double rest = s.serving - 1;
  const double kv = s.kv_use * s.serving / rest;
  if (kv > limits_.kv_low) return std::nullopt;
  const double busy = best_per_node_ > 0 ? s.tokens_per_second / (rest * best_per_node_) : 0;
  if (busy > limits_.busy_low) return std::nullopt;
  return fmt::format(
      "a node less would have {:.0f} % KV use and {:.0f} % of the best throughput seen", kv * 100,
      busy * 100);
}

scale_decision autoscaler::change(time_point now, scale_action what, std::uint32_t nodes,
                                  std::string reason) {
  changed_ = now;
  high_since_.reset();
  low_since_.reset();
  return {what, nodes, std::move(reason)};
}

scale_decision autoscaler::out_of_bounds(time_point now, const load_sample& s) {
  // A lost node is not a matter of load, so no cause needs to last; but a provider that cannot
  // deliver is not asked all the time.
  if (changed_ && now - *changed_ < limits_.up_cooldown) {
    return {scale_action::hold, s.nodes,
            fmt::format("{} nodes, {} to {} wanted; the last change was {:.0f} s ago", s.nodes,
                        limits_.least, limits_.most, seconds(now - *changed_))};
  }
  if (s.nodes < limits_.least) {
    return change(now, scale_action::up, limits_.least,
                  fmt::format("{} nodes, at least {} are wanted", s.nodes, limits_.least));
  }
  return change(now, scale_action::down, s.nodes - 1,
                fmt::format("{} nodes, at most {} are wanted", s.nodes, limits_.most));
}

void autoscaler::watch(time_point now, const load_sample& s) {
  learn(now, s);
  const bool few = too_few(s).has_value();
  mark(high_since_, few, now);
  mark(low_since_, !few && too_many(s).has_value(), now);
}

scale_decision autoscaler::observe(time_point now, const load_sample& s) {
  watch(now, s);
  const cause few = too_few(s);
  const cause many = too_many(s);
  if (s.nodes < limits_.least || s.nodes > limits_.most) return out_of_bounds(now, s);

  const auto hold = [&](std::string reason) {
    return scale_decision{scale_action::hold, s.nodes, std::move(reason)};
  };
  // What one cause asks for, checked in the same order: how long it lasts, the cool-down, bounds.
  const auto wait = [&](const std::string& why, time_point since, duration after,
                        duration cooldown) -> std::optional<std::string> {
    if (now - since < after)
      return fmt::format("{}; for {:.0f} s, {:.0f} s count", why, seconds(now - since),
                         seconds(after));
    if (changed_ && now - *changed_ < cooldown) {
      return fmt::format("{}; the last change was {:.0f} s ago, {:.0f} s must pass", why,
                         seconds(now - *changed_), seconds(cooldown));
    }
    return std::nullopt;
  };
  if (few) {
    if (s.nodes >= limits_.most)
      return hold(fmt::format("{}; but {} nodes are the most", *few, limits_.most));
    if (auto w = wait(*few, *high_since_, limits_.up_after, limits_.up_cooldown))
      return hold(std::move(*w));
    const bool urgent = s.queued > limits_.queued_high * limits_.urgent;
    const std::uint32_t more = urgent ? std::max(1U, s.nodes / 4) : 1;
    return change(now, scale_action::up, std::min(limits_.most, s.nodes + more), *few);
  }
  if (many) {
    if (s.nodes <= limits_.least)
      return hold(fmt::format("{}; but {} nodes are the least", *many, limits_.least));
    // While nodes are on their way, what they will change is not known.
    if (s.nodes > s.serving) return hold(fmt::format("{}; but nodes are on their way", *many));
    if (auto w = wait(*many, *low_since_, limits_.down_after, limits_.down_cooldown))
      return hold(std::move(*w));
    return change(now, scale_action::down, s.nodes - 1, *many);
  }
  return hold("load is within bounds");
}

}  // namespace troupe
