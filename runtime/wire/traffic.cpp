#include "runtime/wire/traffic.hpp"

#include <utility>

#include "runtime/wire/frames.hpp"

namespace troupe {
namespace {

constexpr std::size_t kind_bytes = sizeof(frame_kind) + 3 * sizeof(std::uint64_t);

}  // namespace

void traffic_meter::count(frame_kind kind, std::size_t header_bytes, std::size_t payload_bytes) {
  counter& c = counters_[kind < kinds ? kind : 0];
  c.frames.fetch_add(1, std::memory_order_relaxed);
  c.header_bytes.fetch_add(header_bytes, std::memory_order_relaxed);
  c.payload_bytes.fetch_add(payload_bytes, std::memory_order_relaxed);
}

std::vector<kind_traffic> traffic_meter::read() const {
  std::vector<kind_traffic> sent;
  for (std::size_t kind = 0; kind < kinds; ++kind) {
    const counter& c = counters_[kind];
    const kind_traffic one{static_cast<frame_kind>(kind), c.frames.load(), c.header_bytes.load(),
                           c.payload_bytes.load()};
    if (one.frames > 0) sent.push_back(one);
  }
  return sent;
}

std::vector<std::byte> encode_traffic(const node_traffic& traffic) {
  byte_writer to(preamble_bytes + sizeof(std::uint64_t) + sizeof(std::uint32_t) +
                 traffic.kinds.size() * kind_bytes);
  put_preamble(to, 0);
  to.put(traffic.number);
  to.put_count(traffic.kinds.size());
  for (const kind_traffic& each : traffic.kinds) {
    to.put(each.kind);
    to.put(each.frames);
    to.put(each.header_bytes);
    to.put(each.payload_bytes);
  }
  return to.take();
}

result<node_traffic> decode_traffic(std::span<const std::byte> header) {
  byte_reader from(header, "traffic");
  node_traffic out;
  (void)get_preamble(from);
  out.number = from.get<std::uint64_t>("number");
  const std::uint32_t count = from.get_count("kinds", kind_bytes, traffic_meter::kinds);
  out.kinds.reserve(count);
  for (std::uint32_t i = 0; i < count && from.ok(); ++i) {
    kind_traffic one;
    one.kind = from.get<frame_kind>("kind");
    one.frames = from.get<std::uint64_t>("frames");
    one.header_bytes = from.get<std::uint64_t>("header bytes");
    one.payload_bytes = from.get<std::uint64_t>("payload bytes");
    if (!out.kinds.empty() && one.kind <= out.kinds.back().kind)
      from.refuse(errc::corrupt, "kind {} after kind {}", one.kind, out.kinds.back().kind);
    out.kinds.push_back(one);
  }
  if (auto done = from.finish(); !done) return fail(std::move(done.error()));
  return out;
}

}  // namespace troupe
