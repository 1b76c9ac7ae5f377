#include "kernels/cpu/attention_plan.hpp"

#include <doctest/doctest.h>

#include <vector>

namespace troupe::kernels::cpu {
namespace {

/// Rows of a step, and a call over them whose memory is never touched.
struct call {
  std::vector<std::int32_t> positions;
  std::vector<std::uint32_t> sequences;
  std::vector<std::uint32_t> room;

  void add(std::uint32_t sequence, std::int32_t first, std::uint32_t rows) {
    for (std::uint32_t r = 0; r < rows; ++r) {
      positions.push_back(first + static_cast<std::int32_t>(r));
      sequences.push_back(sequence);
    }
  }
  [[nodiscard]] attention_params params() {
    attention_params p;
    p.cache = {nullptr, nullptr, kv_type::f16, 16, 3, 64};
    p.where = {positions.data(), sequences.data(), nullptr,
               static_cast<std::uint32_t>(positions.size())};
    p.heads = 9;
    p.workspace = reinterpret_cast<std::byte*>(room.data());
    p.workspace_bytes = room.size() * sizeof(std::uint32_t);
    return p;
  }
};

std::vector<attention_tile> tiles_of(const attention_work& work) {
  std::vector<attention_tile> all;
  attention_tiles tiles(work);
  for (attention_tile t = tiles.next(); t.rows > 0; t = tiles.next()) all.push_back(t);
  return all;
}

}  // namespace

TEST_CASE("tiles hold every row once, and only rows of one sequence at consecutive positions") {
  call c;
  c.add(0, 700, 1);
  c.add(1, 0, 100);
  c.add(1, 200, 5);
  c.add(2, 5, 1);
  for (const std::uint32_t threads : {1U, 2U, 64U}) {
    const attention_work work = plan_attention(c.params(), threads);
    std::uint32_t row = 0;
    std::uint32_t units = 0;
    for (const attention_tile& t : tiles_of(work)) {
      CHECK(t.row == row);
      CHECK(t.rows <= work.tile_rows);
      CHECK(t.position == static_cast<std::uint32_t>(c.positions[row]));
      for (std::uint32_t r = 1; r < t.rows; ++r) {
        CHECK(c.sequences[row + r] == c.sequences[row]);
        CHECK(c.positions[row + r] == c.positions[row] + static_cast<std::int32_t>(r));
      }
      row += t.rows;
      units += t.units(work.runs());
    }
    CHECK(row == c.positions.size());
    CHECK(units == work.units);
  }
}

TEST_CASE("threads share the blocks of a long row, one thread alone does not") {
  call c;
  c.add(0, 2047, 1);
  c.room.resize(attention_workspace_bytes(9, 64, 2048) / sizeof(std::uint32_t));
  CHECK(plan_attention(c.params(), 1).units == 3);
  CHECK(plan_attention(c.params(), 2).units == 3 * 2048 / attention_block);
  c.room.clear();
  CHECK(plan_attention(c.params(), 2).units == 3);
}

TEST_CASE("many equal rows are not shared, a long one among short ones is") {
  call c;
  for (std::uint32_t i = 0; i < 16; ++i) c.add(i, 2047, 1);
  c.room.resize(attention_workspace_bytes(9, 64, 80000) / sizeof(std::uint32_t));
  for (const attention_tile& t : tiles_of(plan_attention(c.params(), 2))) CHECK_FALSE(t.shared);
  c.add(16, 60000, 1);
  const std::vector<attention_tile> tiles = tiles_of(plan_attention(c.params(), 2));
  CHECK(tiles.back().shared);
  CHECK_FALSE(tiles.front().shared);
}

TEST_CASE("partials of shared tiles never overlap, nor leave the workspace") {
  call c;
  for (std::uint32_t i = 0; i < 12; ++i) c.add(i, 300 * static_cast<std::int32_t>(i) + 100, 1);
  for (const std::size_t positions : {0U, 1000U, 5000U, 40000U}) {
    c.room.resize(attention_workspace_bytes(9, 64, positions) / sizeof(std::uint32_t));
    const attention_work work = plan_attention(c.params(), 64);
    std::size_t used = 0;
    std::uint32_t counters = 0;
    for (const attention_tile& t : tiles_of(work)) {
      if (!t.shared) continue;
      CHECK(t.partials == used);
      CHECK(t.counter == counters);
      used += std::size_t{3} * t.blocks * partial_floats(t.rows * work.group(), 64);
      counters += work.runs();
    }
    CHECK(used <= c.room.size() - attention_counters);
    CHECK((used > 0) == (positions > 0));
  }
}

}  // namespace troupe::kernels::cpu
