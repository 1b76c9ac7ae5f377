#include "actors/bin/bench_distribution.hpp"

#include <doctest/doctest.h>

#include <boost/json/object.hpp>

#include "runtime/wire/frames.hpp"
#include "tests/actors/bin/fake_model.hpp"

namespace troupe::cli {
namespace {

constexpr peer_id head = 1;
constexpr peer_id node = 2;

std::string long_answer(const std::string&) { return std::string(1000, 'x'); }

/// SmolLM2-135M over four nodes.
const wire_model smollm2{576, {1, 3, 64, 16, kernels::kv_type::f16}};
std::vector<cluster_view::stage> four_stages(std::size_t buddies) {
  std::vector<cluster_view::stage> stages{
      {0, 8, "a", {}}, {8, 16, "b", {}}, {16, 23, "c", {}}, {23, 30, "d", {}}};
  for (auto& stage : stages) stage.buddies.resize(buddies);
  return stages;
}

}  // namespace

TEST_CASE("the arithmetic needs a row of hidden values a hop, and keys and values for each copy") {
  const wire_bytes alone = needed_per_position(smollm2, four_stages(0));
  CHECK(alone.activations == 3 * 576 * 4);
  CHECK(alone.keys_and_values == 0);
  CHECK(alone.rest == 8);
  const wire_bytes twice = needed_per_position(smollm2, four_stages(1));
  CHECK(twice.activations == alone.activations);
  CHECK(twice.keys_and_values == 30 * 2 * 3 * 64 * 2);
  CHECK(needed_per_position(smollm2, four_stages(2)).keys_and_values == 2 * twice.keys_and_values);
}

TEST_CASE("stages of one node in a row need no row between them") {
  auto stages = four_stages(0);
  stages[2].node = stages[1].node;
  CHECK(needed_per_position(smollm2, stages).activations == 2 * 576 * 4);
  CHECK(needed_per_position(smollm2, {}).all() == 8);
}

TEST_CASE("what was sent is told apart by what it is for, without the signs of life") {
  const std::map<peer_id, node_traffic> before{
      {head, {0, {{frames::step, 1, 10, 0}}}},
      {node, {4, {{frames::step, 1, 10, 100}, {frames::ping, 1, 9, 0}}}}};
  const std::map<peer_id, node_traffic> after{
      {head, {0, {{frames::step, 3, 30, 0}, {frames::cache_request, 1, 40, 0}}}},
      {node,
       {6,
        {{frames::step, 3, 30, 300},
         {frames::kv_record, 1, 7, 1000},
         {frames::ping, 9, 81, 0},
         {frames::kv_snapshot, 1, 5, 500},
         {frames::traffic, 9, 900, 0}}}}};
  const wire_bytes sent = sent_between(before, after);
  CHECK(sent.activations == 200);
  CHECK(sent.keys_and_values == 1500);
  CHECK(sent.rest == 20 + 40 + 20 + 7 + 5);
  CHECK(sent.all() == 200 + 1500 + 92);
}

TEST_CASE("a reading counts once every process has told twice since") {
  const std::map<peer_id, node_traffic> before{{head, {0, {}}}, {node, {4, {}}}};
  CHECK_FALSE(told_since(before, before));
  CHECK_FALSE(told_since(before, {{head, {0, {}}}, {node, {5, {}}}}));
  CHECK(told_since(before, {{head, {0, {}}}, {node, {6, {}}}}));
  CHECK_FALSE(told_since(before, {{head, {0, {}}}}));
}

TEST_CASE("set-ups are measured in turn, and each one's bytes for its own positions") {
  test::fake_service alone(long_answer);
  test::fake_service spread(long_answer);
  std::uint64_t bytes = 0;
  std::vector<bench_setup> setups(2);
  setups[0] = {"one process", &alone, 0, {}, {}};
  setups[1] = {
      "2 workers",
      &spread,
      1,
      [&]() -> result<std::map<peer_id, node_traffic>> {
        CHECK(alone.requests.size() >= spread.requests.size());
        bytes += 3000;
        return std::map<peer_id, node_traffic>{{node, {0, {{frames::step, bytes, 0, bytes}}}}};
      },
      {.activations = 100}};
  const bench_options options{
      .prompts = {64}, .streams = {2}, .contexts = {16}, .decode_tokens = 8, .repetitions = 3};
  const auto lines = run_distribution_bench(setups, 256, options, [](auto, auto) {});
  REQUIRE(lines.has_value());
  REQUIRE(lines->size() == 2);
  const distribution_cell& prefill = lines->front().cells[1];
  CHECK(prefill.samples.size() == 3);
  CHECK(prefill.positions == 3 * 64);
  CHECK(prefill.sent.activations == 9000);
  CHECK(lines->back().cells[1].positions == 3 * 2 * (16 + 8 - 1));
  CHECK(lines->back().cells[0].sent == wire_bytes{});
  CHECK_FALSE(replication_cost(setups, lines->back()));
  // The same prompts, so that both do the same.
  REQUIRE(alone.requests.size() == spread.requests.size());
  for (std::size_t i = 0; i < alone.requests.size(); ++i)
    CHECK(alone.requests[i].prompt == spread.requests[i].prompt);
}

TEST_CASE("room is twice what the largest test needs, in whole pages of each stream") {
  bench_options options;
  options.prompts = {500};
  options.contexts = {32};
  options.streams = {1, 3};
  options.decode_tokens = 8;
  CHECK(positions_used(options, 16) == 2 * 512);
  options.streams = {1, 16};
  CHECK(positions_used(options, 16) == 2 * 16 * 48);
}

TEST_CASE("an error names the set-up that it came from") {
  test::fake_service alone(long_answer);
  test::fake_service broken(
      [](const std::string&) -> result<std::string> { return fail(errc::exhausted, "full"); });
  std::vector<bench_setup> setups(2);
  setups[0] = {"one process", &alone, 0, {}, {}};
  setups[1] = {"4 workers", &broken, 1, {}, {}};
  const auto lines = run_distribution_bench(setups, 256, {}, [](auto, auto) {});
  REQUIRE_FALSE(lines.has_value());
  CHECK(lines.error().message() == "4 workers: full");
}

TEST_CASE("shares are those of samples taken together, and replication is told from its two") {
  std::vector<bench_setup> setups(3);
  setups[0].name = "one process";
  const auto none = [] { return result<std::map<peer_id, node_traffic>>(); };
  setups[1] = {"4 workers", nullptr, 1, none, {.activations = 100, .rest = 8}};
  setups[2] = {
      "4 workers, 2 copies", nullptr, 2, none, {.activations = 100, .keys_and_values = 400}};
  distribution_line line{.test = "decode", .prompt_tokens = 32, .streams = 16, .cells = {}};
  line.cells.resize(3);
  line.cells[0].samples = {100, 200, 400};
  line.cells[1] = {{80, 180, 320}, 10, {1000, 0, 188}};
  line.cells[2] = {{76, 162, 304}, 10, {1000, 4000, 500}};
  CHECK(line.cells[1].rate() == 180);
  CHECK(line.cells[1].share_of(line.cells[0]) == doctest::Approx(0.8));
  CHECK(replication_cost(setups, line).value() == doctest::Approx(0.05));
  CHECK(distribution_cell{}.share_of(line.cells[0]) == 0);
  const std::string text = to_text(setups, {line});
  CHECK(text.find("0.80x") != std::string::npos);
  CHECK(text.find("5.0 %") != std::string::npos);
  CHECK(text.find("1.10x") != std::string::npos);
  const auto json = to_json(setups, {line});
  const auto& cells = json.at(0).as_object().at("setups").as_array();
  CHECK(cells.size() == 3);
  CHECK_FALSE(cells.at(0).as_object().contains("wire"));
  CHECK(cells.at(2).as_object().at("wire").as_object().at("ratio").as_double() ==
        doctest::Approx(1.1));
}

}  // namespace troupe::cli
