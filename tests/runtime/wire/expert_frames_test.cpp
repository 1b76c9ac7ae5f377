#include "runtime/wire/expert_frames.hpp"

#include <doctest/doctest.h>

#include "kernels/api/f8_rows.hpp"
#include "runtime/wire/frames.hpp"
#include "tests/runtime/wire/hostile.hpp"
#include "tests/runtime/wire/random_frames.hpp"

namespace troupe {
namespace {

constexpr expert_bounds bounds{test::plan_rows, 128};

/// Where a header says in which form rows come: behind epoch, step and four numbers.
constexpr std::size_t form_at = preamble_bytes + sizeof(step_id) + 4 * sizeof(std::uint32_t);

/// Two rows of two experts each.
expert_rows_header two_rows() {
  expert_rows_header h;
  h.top_k = 2;
  h.f32 = true;
  h.rows = {3, 9};
  h.ids = {0, -1, -1, 127};
  return h;
}

std::string why(const expert_rows_header& header) {
  const auto decoded = decode_expert_rows(encode_expert_rows(header), bounds);
  REQUIRE_FALSE(decoded);
  return decoded.error().message();
}

TEST_CASE("expert rows and outputs come out as they went in") {
  test::generator random(7);
  for (int round = 0; round < 300; ++round) {
    const expert_rows_header rows = test::random_rows(random);
    const expert_outputs_header outputs = test::random_outputs(random);
    CHECK(decode_expert_rows(encode_expert_rows(rows), bounds).value() == rows);
    CHECK(decode_expert_outputs(encode_expert_outputs(outputs), bounds).value() == outputs);
    CHECK(epoch_of(encode_expert_rows(rows)).value() == rows.epoch);
    CHECK(epoch_of(encode_expert_outputs(outputs)).value() == outputs.epoch);
  }
}

TEST_CASE("cut, flipped or boastful expert frames never do harm") {
  test::generator random(8);
  for (int round = 0; round < 10; ++round) {
    test::mistreat(
        encode_expert_rows(test::random_rows(random)), random, encode_expert_rows,
        [](const std::vector<std::byte>& header) { return decode_expert_rows(header, bounds); });
    test::mistreat(
        encode_expert_outputs(test::random_outputs(random)), random, encode_expert_outputs,
        [](const std::vector<std::byte>& header) { return decode_expert_outputs(header, bounds); });
  }
}

TEST_CASE("rows that a shard could not compute are refused, and say why") {
  CHECK(decode_expert_rows(encode_expert_rows(two_rows()), bounds));
  expert_rows_header h = two_rows();

  SUBCASE("rows out of order, twice, or past the step") {
    h.rows = {9, 3};
    CHECK(why(h) == "expert rows: row 3 comes after 9");
    h.rows = {3, 3};
    CHECK(why(h) == "expert rows: row 3 comes after 3");
    h.rows = {3, 64};
    CHECK(why(h) == "expert rows: row 64 is not below 64");
  }
  SUBCASE("experts that the layer lacks") {
    h.ids[0] = 128;
    CHECK(why(h) == "expert rows: expert 128 of 128");
    h.ids[0] = -2;
    CHECK(why(h) == "expert rows: expert -2 of 128");
  }
  SUBCASE("ids that do not fit the rows") {
    h.ids.pop_back();
    CHECK(why(h) == "expert rows: 3 expert ids for 2 rows of 2");
    h.top_k = 0;
    CHECK(why(h) == "expert rows: 0 experts a row, 1 .. 256 may be");
  }
  SUBCASE("rows in no form") {
    h.f32 = false;
    CHECK(why(h) == "expert rows: rows in no form");
  }
  SUBCASE("FP8 rows beside others, or in a form that nobody knows") {
    h.f8 = h.q8 = true;
    CHECK(why(h) == "expert rows: FP8 rows have no other form");
    std::vector<std::byte> bytes = encode_expert_rows(two_rows());
    REQUIRE(bytes[form_at] == std::byte{1});
    bytes[form_at] = std::byte{3};
    CHECK(decode_expert_rows(bytes, bounds).error().message() == "expert rows: form of rows 3");
  }
}

TEST_CASE("outputs are of slots in order; a refusal has none") {
  const auto outputs = [](bool accepted, std::vector<std::uint32_t> slots) {
    const expert_outputs_header h{1, 2, 3, 4, 0, accepted, std::move(slots)};
    const auto decoded = decode_expert_outputs(encode_expert_outputs(h), bounds);
    return decoded ? "" : decoded.error().message();
  };
  CHECK(outputs(true, {1, 5}).empty());
  CHECK(outputs(true, {5, 5}) == "expert outputs: slot 5 comes after 5");
  CHECK(outputs(true, {64 * 256}) == "expert outputs: slot 16384 is not below 16384");
  CHECK(outputs(false, {1}) == "expert outputs: refused, and yet 1 slots");
}

TEST_CASE("FP8 rows stand where a flag was, so that other rows are told as before") {
  expert_rows_header h = two_rows();
  const std::vector<std::byte> floats = encode_expert_rows(h);
  CHECK((floats[form_at] == std::byte{1} && floats[form_at + 1] == std::byte{0}));
  h.f32 = false;
  h.f8 = true;
  const std::vector<std::byte> fp8 = encode_expert_rows(h);
  CHECK((fp8[form_at] == std::byte{2} && fp8[form_at + 1] == std::byte{0}));
  CHECK(fp8.size() == floats.size());
  CHECK(decode_expert_rows(fp8, bounds).value() == h);
}

TEST_CASE("a payload has every row in every form") {
  expert_rows_header h = two_rows();
  CHECK(expert_rows_bytes(h, 64) == 2 * 64 * sizeof(float));
  h.q8 = true;
  CHECK(expert_rows_bytes(h, 64) == 2 * (64 * sizeof(float) + kernels::q8_row_bytes(64)));
  h.f32 = false;
  CHECK(expert_rows_bytes(h, 64) == 2 * kernels::q8_row_bytes(64));
  h.q8 = false;
  h.f8 = true;
  CHECK(expert_rows_bytes(h, 64) == 2 * kernels::f8_row_bytes(64));
}

}  // namespace
}  // namespace troupe
