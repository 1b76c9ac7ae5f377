#include "actors/far_experts.hpp"

#include <algorithm>
#include <utility>

namespace troupe {
namespace {

/// Between two reports: often enough for rebalancing, and nothing beside the steps.
constexpr auto report_period = std::chrono::milliseconds(250);
/// Steps whose rows are on their way at once.
constexpr std::size_t spare_messages = 4;

/// Every form in which rows travel to experts of these layers.
activation_needs forms_of(const model_files& files, layer_range layers, activation_mode mode,
                          expert_row_form rows) {
  activation_needs forms;
  for (std::uint32_t layer = layers.first; layer < layers.last; ++layer)
    forms.merge(expert_takes(files, {layer, 0, files.config().layer_experts(layer)}, mode, rows));
  return forms;
}

std::uint32_t most_experts(const model_config& config) {
  std::uint32_t most = 1;
  for (std::uint32_t layer = 0; layer < config.layers; ++layer)
    most = std::max(most, config.layer_experts(layer));
  return most;
}

std::uint32_t most_chosen(const model_config& config, layer_range layers) {
  std::uint32_t most = 1;
  for (std::uint32_t layer = layers.first; layer < layers.last; ++layer)
    most = std::max(most, config.layer_top_k(layer));
  return most;
}

}  // namespace

far_experts::far_experts(device& d, surroundings around)
    : around_(std::move(around)),
      experts_(most_experts(around_.files->config())),
      holders_(around_.layers.count()),
      elsewhere_(around_.layers.count(), false),
      chosen_(std::size_t{around_.layers.count()} * experts_),
      asked_(expert_dispatch(
                 d, around_.files->config().hidden,
                 forms_of(*around_.files, around_.layers, around_.mode, around_.form),
                 {around_.rows, spare_messages,
                  most_chosen(around_.files->config(), around_.layers), around_.rows_on_device}),
             expert_routes(), counted(std::move(around_.send))) {}

remote_experts::send_function far_experts::counted(remote_experts::send_function send) {
  return [this, send = std::move(send)](peer_id to, expert_request&& m) -> result<void> {
    const auto outputs = static_cast<std::uint64_t>(
        std::ranges::count_if(m.header.ids, [](std::int32_t id) { return id != no_expert; }));
    auto sent = send(to, std::move(m));
    if (sent) outputs_[to] += outputs;
    return sent;
  };
}

void far_experts::begin_epoch(epoch_number epoch, const std::vector<expert_route>& routes,
                              time_point now) {
  std::vector<shard_route> nodes;
  nodes.reserve(routes.size());
  for (const expert_route& r : routes) nodes.push_back(r.nodes);
  asked_.begin_epoch(epoch, std::move(nodes));
  // Who was out of reach in the last epoch is connected anew.
  for (const expert_route& r : routes)
    for (const peer_id node : r.nodes.replicas)
      (void)asked_.on_node(node, expert_routes::standing::up, now);
  for (std::uint32_t i = 0; i < around_.layers.count(); ++i) {
    holders_[i] = expert_holders(routes, around_.layers.first + i, around_.self, *around_.files,
                                 around_.mode, around_.form);
    elsewhere_[i] = std::ranges::any_of(holders_[i], &expert_holder::remote);
  }
}

remote_experts::progress far_experts::begin(const layer_step& at, const expert_call& call,
                                            time_point now) {
  const auto begun = asked_.begin(at, call, holders_[at.layer - around_.layers.first], now);
  count(at.layer);
  report(at.epoch, now);
  return begun;
}

void far_experts::count(std::uint32_t layer) {
  const auto first = chosen_.begin() + static_cast<std::ptrdiff_t>(layer - around_.layers.first) *
                                           static_cast<std::ptrdiff_t>(experts_);
  for (const std::int32_t id : asked_.chosen()) {
    if (id >= 0 && static_cast<std::uint32_t>(id) < experts_) ++first[id];
  }
}

void far_experts::report(epoch_number epoch, time_point now) {
  if (!around_.tell || now - reported_ < report_period) return;
  reported_ = now;
  expert_load_report r{epoch, around_.layers.first, experts_, chosen_, {}, {}};
  for (const auto& [node, outputs] : outputs_) {
    r.nodes.push_back(node);
    r.outputs.push_back(outputs);
  }
  around_.tell(r);
  std::ranges::fill(chosen_, 0U);
  outputs_.clear();
}

}  // namespace troupe
