#include "runtime/wire/expert_frames.hpp"

#include <limits>
#include <string_view>
#include <utility>

#include "kernels/api/f8_rows.hpp"
#include "runtime/wire/frames.hpp"

namespace troupe {
namespace {

/// Ranks of a row: as many as any router chooses, with room to spare.
constexpr std::uint32_t most_top_k = 256;
constexpr std::size_t fixed_bytes = preamble_bytes + 64;

template <class Header>
void put_target(byte_writer& to, const Header& header) {
  put_preamble(to, header.epoch);
  to.put(header.step);
  to.put(header.layer);
  to.put(header.shard);
  to.put(header.attempt);
}

template <class Header>
void get_target(byte_reader& from, Header& header) {
  header.epoch = get_preamble(from);
  header.step = from.get<step_id>("step");
  header.layer = from.get<std::uint32_t>("layer");
  header.shard = from.get<std::uint32_t>("shard");
  header.attempt = from.get<std::uint32_t>("attempt");
}

void check_ascending(byte_reader& from, const std::vector<std::uint32_t>& numbers,
                     std::uint64_t end, std::string_view what) {
  for (std::size_t i = 0; i < numbers.size() && from.ok(); ++i) {
    if (numbers[i] >= end)
      from.refuse(errc::out_of_range, "{} {} is not below {}", what, numbers[i], end);
    if (i > 0 && numbers[i] <= numbers[i - 1])
      from.refuse(errc::corrupt, "{} {} comes after {}", what, numbers[i], numbers[i - 1]);
  }
}

/// In the place of the flag of float32 rows, where older versions have 0 or 1.
constexpr std::uint8_t f8_mark = 2;

void get_forms(byte_reader& from, expert_rows_header& header) {
  const auto first = from.get<std::uint8_t>("form of rows");
  if (first > f8_mark) from.refuse(errc::corrupt, "form of rows {}", first);
  header.f32 = first == 1;
  header.f8 = first == f8_mark;
  header.q8 = from.get_flag("integer rows");
  if (header.f8 && header.q8) from.refuse(errc::corrupt, "FP8 rows have no other form");
  if (!header.f8 && !header.f32 && !header.q8) from.refuse(errc::corrupt, "rows in no form");
}

void check_ids(byte_reader& from, const expert_rows_header& header, std::uint32_t experts) {
  if (header.ids.size() != header.rows.size() * header.top_k) {
    from.refuse(errc::corrupt, "{} expert ids for {} rows of {}", header.ids.size(),
                header.rows.size(), header.top_k);
  }
  for (const std::int32_t id : header.ids) {
    if (!from.ok()) return;
    if (id < -1 || (id >= 0 && static_cast<std::uint32_t>(id) >= experts))
      from.refuse(errc::out_of_range, "expert {} of {}", id, experts);
  }
}

}  // namespace

std::size_t expert_rows_bytes(const expert_rows_header& header, std::uint32_t hidden) {
  std::size_t row = 0;
  if (header.f32) row += std::size_t{hidden} * sizeof(float);
  if (header.q8) row += kernels::q8_row_bytes(hidden);
  if (header.f8) row += kernels::f8_row_bytes(hidden);
  return header.rows.size() * row;
}

std::vector<std::byte> encode_expert_rows(const expert_rows_header& header) {
  byte_writer to(fixed_bytes + 4 * (header.rows.size() + header.ids.size()));
  put_target(to, header);
  to.put(header.top_k);
  to.put(header.f8 ? f8_mark : static_cast<std::uint8_t>(header.f32 ? 1 : 0));
  to.put_flag(header.q8);
  to.put_list(header.rows);
  to.put_list(header.ids);
  return to.take();
}

result<expert_rows_header> decode_expert_rows(std::span<const std::byte> header,
                                              const expert_bounds& bounds) {
  byte_reader from(header, "expert rows");
  expert_rows_header out;
  get_target(from, out);
  out.top_k = from.get<std::uint32_t>("experts a row");
  get_forms(from, out);
  out.rows = from.get_list<std::uint32_t>("rows", bounds.rows);
  out.ids = from.get_list<std::int32_t>("expert ids");
  if (out.top_k == 0 || out.top_k > most_top_k)
    from.refuse(errc::out_of_range, "{} experts a row, 1 .. {} may be", out.top_k, most_top_k);
  check_ascending(from, out.rows, bounds.rows, "row");
  check_ids(from, out, bounds.experts);
  if (auto done = from.finish(); !done) return fail(std::move(done.error()));
  return out;
}

std::vector<std::byte> encode_expert_outputs(const expert_outputs_header& header) {
  byte_writer to(fixed_bytes + 4 * header.slots.size());
  put_target(to, header);
  to.put_flag(header.accepted);
  to.put_list(header.slots);
  return to.take();
}

result<expert_outputs_header> decode_expert_outputs(std::span<const std::byte> header,
                                                    const expert_bounds& bounds) {
  byte_reader from(header, "expert outputs");
  expert_outputs_header out;
  get_target(from, out);
  out.accepted = from.get_flag("accepted");
  out.slots = from.get_list<std::uint32_t>("slots");
  check_ascending(from, out.slots, std::uint64_t{bounds.rows} * most_top_k, "slot");
  if (!out.accepted && !out.slots.empty())
    from.refuse(errc::corrupt, "refused, and yet {} slots", out.slots.size());
  if (auto done = from.finish(); !done) return fail(std::move(done.error()));
  return out;
}

}  // namespace troupe
