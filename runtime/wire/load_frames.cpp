#include "runtime/wire/load_frames.hpp"

#include <utility>

#include "runtime/wire/frames.hpp"

namespace troupe {

std::vector<std::byte> encode_expert_load(const expert_load_report& report) {
  byte_writer to(preamble_bytes + 24 + 4 * report.rows.size() + 16 * report.nodes.size());
  put_preamble(to, report.epoch);
  to.put(report.first);
  to.put(report.experts);
  to.put_list(report.rows);
  to.put_list(report.nodes);
  to.put_list(report.outputs);
  return to.take();
}

result<expert_load_report> decode_expert_load(std::span<const std::byte> header,
                                              const load_bounds& bounds) {
  byte_reader from(header, "expert load");
  expert_load_report out;
  out.epoch = get_preamble(from);
  out.first = from.get<std::uint32_t>("first layer");
  out.experts = from.get<std::uint32_t>("experts of a layer");
  out.rows = from.get_list<std::uint32_t>("rows");
  out.nodes = from.get_list<std::uint64_t>("nodes", bounds.nodes);
  out.outputs = from.get_list<std::uint64_t>("outputs", bounds.nodes);
  if (out.experts == 0 || out.experts > bounds.experts)
    from.refuse(errc::out_of_range, "{} experts of a layer, 1 .. {} may be", out.experts,
                bounds.experts);
  if (from.ok() && out.rows.size() % out.experts != 0)
    from.refuse(errc::corrupt, "{} numbers for layers of {} experts", out.rows.size(), out.experts);
  if (from.ok() &&
      (out.first > bounds.layers || out.rows.size() / out.experts > bounds.layers - out.first))
    from.refuse(errc::out_of_range, "{} layers from {} of {}", out.rows.size() / out.experts,
                out.first, bounds.layers);
  if (out.nodes.size() != out.outputs.size())
    from.refuse(errc::corrupt, "{} numbers for {} nodes", out.outputs.size(), out.nodes.size());
  if (auto done = from.finish(); !done) return fail(std::move(done.error()));
  return out;
}

}  // namespace troupe
