#include "actors/bin/scaling_loop.hpp"

#include <system_error>
#include <utility>

namespace troupe::cli {
namespace {

using clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds period{250};

}  // namespace

scaling_sample scaling_driver::look(clock::time_point now) const {
  scaling_sample sample;
  const cluster_view view = cluster_.view();
  sample.serving = view.serving;
  for (const cluster_view::node& n : view.nodes) {
    if (n.state == "gone") continue;
    const bool draining = n.state == "draining";
    // A suspect one mostly comes back; it is not the one to be drained.
    const bool removable = n.state == "up" && provider_->removable(n.name);
    sample.nodes.push_back(
        {n.peer, n.name, n.host, n.state == "up" || n.state == "suspect", draining, removable});
  }
  const engine_stats stats = cluster_.stats();
  sample.kv_use = stats.kv_usage;
  sample.tokens = stats.generation_tokens;
  if (const auto since = cluster_.waiting_since(); since && *since < now)
    sample.queued = now - *since;
  return sample;
}

void scaling_driver::step(clock::time_point now) {
  if (under_way_) {
    if (const auto outcome = provider_->poll(now)) {
      under_way_ = false;
      control_.done(now, *outcome);
    }
  }
  carry_out(control_.observe(now, look(now)), now);
  for (const std::string& line : control_.take_events()) cluster_.note(line);
  cluster_view::scaling_state state = control_.state();
  state.means = provider_->means();
  cluster_.show(std::move(state));
}

void scaling_driver::carry_out(const scaling_order& order, clock::time_point now) {
  switch (order.what) {
    case scaling_order::kind::grow:
      provider_->grow(order.count, now);
      under_way_ = true;
      break;
    case scaling_order::kind::shrink:
      provider_->shrink(order.node, order.host, now);
      under_way_ = true;
      break;
    case scaling_order::kind::drain:
      control_.done(now, cluster_.drain(order.node));
      break;
    case scaling_order::kind::nothing:
      break;
  }
}

scaling_loop::scaling_loop(std::unique_ptr<scaling_driver> driver)
    : driver_(std::move(driver)), thread_([this](const std::stop_token& stop) { run(stop); }) {}

void scaling_loop::run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    driver_->step(clock::now());
    (void)never_.wait_for(lock, stop, period, [] { return false; });
  }
}

result<std::unique_ptr<scaling_loop>> scaling_loop::start(std::unique_ptr<scaling_driver> driver) {
  try {
    return std::unique_ptr<scaling_loop>(new scaling_loop(std::move(driver)));
  } catch (const std::system_error& e) {
    return fail(errc::io_error, "no thread for autoscaling: {}", e.what());
  }
}

}  // namespace troupe::cli
