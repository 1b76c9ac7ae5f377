#include <fmt/format.h>

#include <utility>

#include "actors/bin/bench_distribution.hpp"
#include "actors/bin/table.hpp"

namespace troupe::cli {
namespace {

using rows = std::vector<std::vector<std::string>>;

wire_bytes per_position(const distribution_cell& cell) {
  const auto positions = static_cast<double>(cell.positions);
  if (positions <= 0) return {};
  return {cell.sent.activations / positions, cell.sent.keys_and_values / positions,
          cell.sent.rest / positions};
}

double ratio(double value, double of) { return of > 0 ? value / of : 0; }

rows throughput(std::span<const bench_setup> setups, const std::vector<distribution_line>& lines) {
  rows out{{"tokens/s", "prompt", "streams"}};
  for (std::size_t s = 0; s < setups.size(); ++s) {
    out.front().push_back(setups[s].name);
    if (s > 0) out.front().emplace_back("of it");
  }
  out.front().emplace_back("2nd copy costs");
  for (const distribution_line& line : lines) {
    auto& row = out.emplace_back();
    row = {line.test, std::to_string(line.prompt_tokens), std::to_string(line.streams)};
    for (std::size_t s = 0; s < setups.size(); ++s) {
      row.push_back(fmt::format("{:.1f}", line.cells[s].rate()));
      if (s > 0) row.push_back(fmt::format("{:.2f}x", line.cells[s].share_of(line.cells.front())));
    }
    const auto cost = replication_cost(setups, line);
    row.push_back(cost ? fmt::format("{:.1f} %", 100 * *cost) : "-");
  }
  return out;
}

rows wire(std::span<const bench_setup> setups, const std::vector<distribution_line>& lines) {
  rows out{{"bytes a token", "prompt", "streams", "set-up", "activations", "needed",
            "keys and values", "needed", "rest", "all", "of what is needed"}};
  for (const distribution_line& line : lines) {
    for (std::size_t s = 0; s < setups.size(); ++s) {
      if (!setups[s].traffic) continue;
      const wire_bytes sent = per_position(line.cells[s]);
      const wire_bytes& needed = setups[s].needed;
      const auto show = [](double bytes) { return fmt::format("{:.0f}", bytes); };
      out.push_back({line.test, std::to_string(line.prompt_tokens), std::to_string(line.streams),
                     setups[s].name, show(sent.activations), show(needed.activations),
                     show(sent.keys_and_values), show(needed.keys_and_values), show(sent.rest),
                     show(sent.all()), fmt::format("{:.2f}x", ratio(sent.all(), needed.all()))});
    }
  }
  return out;
}

boost::json::object to_json(const wire_bytes& bytes) {
  return {{"activations", bytes.activations},
          {"keys_and_values", bytes.keys_and_values},
          {"rest", bytes.rest}};
}

boost::json::object cell_object(const bench_setup& setup, const distribution_cell& cell,
                                const distribution_cell& compared) {
  boost::json::object out{{"name", setup.name},
                          {"copies", setup.copies},
                          {"tokens_per_second", cell.rate()},
                          {"samples", boost::json::array(cell.samples.begin(), cell.samples.end())},
                          {"share", cell.share_of(compared)}};
  if (!setup.traffic) return out;
  const wire_bytes sent = per_position(cell);
  out["wire"] = boost::json::object{{"positions", cell.positions},
                                    {"sent_per_position", to_json(sent)},
                                    {"needed_per_position", to_json(setup.needed)},
                                    {"ratio", ratio(sent.all(), setup.needed.all())}};
  return out;
}

}  // namespace

std::string to_text(std::span<const bench_setup> setups,
                    const std::vector<distribution_line>& lines) {
  return align(throughput(setups, lines), true) + "\n" + align(wire(setups, lines), true);
}

boost::json::array to_json(std::span<const bench_setup> setups,
                           const std::vector<distribution_line>& lines) {
  boost::json::array out;
  for (const distribution_line& line : lines) {
    boost::json::array cells;
    for (std::size_t s = 0; s < setups.size(); ++s)
      cells.push_back(cell_object(setups[s], line.cells[s], line.cells.front()));
    boost::json::object one{{"test", line.test},
                            {"prompt_tokens", line.prompt_tokens},
                            {"streams", line.streams},
                            {"setups", std::move(cells)}};
    if (const auto cost = replication_cost(setups, line)) one["replication_cost"] = *cost;
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace troupe::cli
