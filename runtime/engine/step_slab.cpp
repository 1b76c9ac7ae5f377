#include "runtime/engine/step_slab.hpp"

#include <algorithm>
#include <utility>

namespace troupe {
namespace {

/// Entries of page tables beyond the store's pages: sequences may share some.
constexpr std::size_t shared_entries = 4096;
/// Steps on their way at once.
constexpr std::size_t spare_messages = 4;

}  // namespace

step_slab::parts step_slab::parts_for(std::size_t rows, std::size_t entries) {
  parts p{};
  p.positions = rows * sizeof(token_id);
  p.sequences = p.positions + rows * sizeof(std::int32_t);
  p.pointers = p.sequences + (rows + rows % 2) * sizeof(std::uint32_t);
  // One more than there are rows: the spare ones share a table.
  p.tables = p.pointers + (rows + 1) * sizeof(const std::int32_t*);
  p.bytes = p.tables + entries * sizeof(std::int32_t);
  return p;
}

step_slab::step_slab(device& d, const kv_store& kv, std::uint32_t rows, std::uint32_t hidden)
    : device_(d),
      spare_page_(static_cast<std::int32_t>(kv.spare_page())),
      page_size_(kv.layout().page_size),
      most_rows_(rows),
      most_entries_(kv.pages() + shared_entries),
      at_(parts_for(rows, most_entries_)),
      memory_(d.allocate(at_.bytes)),
      x_(d.allocate(std::size_t{rows} * hidden * sizeof(float))),
      pool_(d, at_.bytes, spare_messages, buffer_pool::place::shared) {}

std::optional<step_view> step_slab::place(step_inputs& in, std::uint32_t rows) {
  const auto& runs = in.plan().runs;
  const std::uint32_t own = in.rows();
  if (own > rows || rows > most_rows_) return std::nullopt;
  const auto length = [&](std::size_t run) {
    const std::size_t end = std::size_t{runs[run].first} + runs[run].tokens.size();
    return (end + page_size_ - 1) / page_size_;
  };
  std::size_t entries = 1;
  for (std::size_t i = 0; i < runs.size(); ++i) entries += length(i);
  if (entries > most_entries_) return std::nullopt;
  auto piece = pool_.take();
  if (!piece) return std::nullopt;

  std::byte* const to = (*piece)->data();
  const auto part = [&]<class T>(std::size_t first, const T* from, T spare) {
    auto* const out = reinterpret_cast<T*>(to + first);
    std::copy_n(from, own, out);
    std::fill(out + own, out + rows, spare);
  };
  const kernels::row_placement where = in.where();
  part(0, in.tokens(), token_id{0});
  part(at_.positions, where.position, std::int32_t{0});
  part(at_.sequences, where.sequence, static_cast<std::uint32_t>(runs.size()));
  // Ranks that compute together each have a copy of the pointers: they point to what all can read.
  const std::byte* const read_at = device_.ranks() == 1 ? memory_.data() : to;
  const auto* const tables_there = reinterpret_cast<const std::int32_t*>(read_at + at_.tables);
  auto* const pointers = reinterpret_cast<const std::int32_t**>(to + at_.pointers);
  auto* const tables = reinterpret_cast<std::int32_t*>(to + at_.tables);
  std::size_t used = 0;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    pointers[i] = tables_there + used;
    std::copy_n(where.page_tables[i], length(i), tables + used);
    used += length(i);
  }
  pointers[runs.size()] = tables_there + used;
  tables[used] = spare_page_;

  const std::size_t bytes = at_.tables + entries * sizeof(std::int32_t);
  if (device_.kernels().copy(device_.stream(), {memory_.data(), to, bytes}) != kernels::status::ok)
    return std::nullopt;
  in.keep(std::move(*piece));
  const std::byte* const there = memory_.data();
  return step_view{reinterpret_cast<const token_id*>(there),
                   {reinterpret_cast<const std::int32_t*>(there + at_.positions),
                    reinterpret_cast<const std::uint32_t*>(there + at_.sequences),
                    reinterpret_cast<const std::int32_t* const*>(there + at_.pointers), rows},
                   x_.as<float>()};
}

}  // namespace troupe
