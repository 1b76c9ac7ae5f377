#include "actors/bin/bench_wire.hpp"

#include <algorithm>

#include "runtime/wire/frames.hpp"

namespace troupe::cli {
namespace {

/// The token that goes in and the one that is drawn.
constexpr double token_bytes = 2 * sizeof(token_id);

bool is_by_the_clock(frame_kind kind) { return kind == frames::ping || kind == frames::traffic; }

void add(wire_bytes& sum, const kind_traffic& sent, double sign) {
  if (is_by_the_clock(sent.kind)) return;
  const double payload = sign * static_cast<double>(sent.payload_bytes);
  sum.rest += sign * static_cast<double>(sent.header_bytes);
  if (sent.kind == frames::step)
    sum.activations += payload;
  else if (sent.kind == frames::kv_record || sent.kind == frames::kv_snapshot)
    sum.keys_and_values += payload;
  else
    sum.rest += payload;
}

}  // namespace

wire_bytes needed_per_position(const wire_model& model,
                               std::span<const cluster_view::stage> stages) {
  wire_bytes needed;
  needed.rest = token_bytes;
  for (std::size_t i = 0; i < stages.size(); ++i) {
    const cluster_view::stage& s = stages[i];
    if (i > 0 && stages[i - 1].node != s.node) needed.activations += model.hidden * sizeof(float);
    const double layers = s.last - s.first;
    needed.keys_and_values += layers * static_cast<double>(model.kv.position_bytes()) *
                              static_cast<double>(s.buddies.size());
  }
  return needed;
}

wire_bytes sent_between(const std::map<peer_id, node_traffic>& before,
                        const std::map<peer_id, node_traffic>& after) {
  wire_bytes sum;
  for (const auto& [peer, then] : before) {
    const auto now = after.find(peer);
    if (now == after.end()) continue;
    for (const kind_traffic& each : now->second.kinds) add(sum, each, 1);
    for (const kind_traffic& each : then.kinds) add(sum, each, -1);
  }
  return sum;
}

bool told_since(const std::map<peer_id, node_traffic>& before,
                const std::map<peer_id, node_traffic>& now) {
  constexpr std::uint64_t reports = 2;
  return std::ranges::all_of(before, [&](const auto& entry) {
    const auto& [peer, then] = entry;
    const auto known = now.find(peer);
    // Number 0 is the reader's own, which is never late.
    return known != now.end() &&
           (known->second.number == 0 || known->second.number >= then.number + reports);
  });
}

}  // namespace troupe::cli
