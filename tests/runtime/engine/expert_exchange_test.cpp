#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <functional>
#include <future>
#include <numeric>
#include <thread>

#include "tests/runtime/engine/exchange_support.hpp"
#include "tests/runtime/engine/staging_device.hpp"
#include "tests/runtime/engine/team/teams.hpp"
#include "tests/support/gguf_models.hpp"
#include "tests/support/paths.hpp"

namespace troupe::test {
namespace {

constexpr std::uint32_t most_rows = stepper::most_rows;
constexpr std::uint32_t most_shards = 8;

/// Q8_0 blocks of random integers with small random scales.
std::string q8_0_bytes(std::uint64_t values, generator& random) {
  std::string out;
  for (std::uint64_t block = 0; block < values / 32; ++block) {
    out += bytes_of(static_cast<std::uint16_t>(0x1000 + random() % 0x800));
    for (int i = 0; i < 32; ++i) out += static_cast<char>(random() % 255 - 127);
  }
  return out;
}

/// 16 experts, 4 chosen, with integer weights; in the last layer `up` stays float32, so that its
/// rows travel in both forms.
gguf_writer integer_moe() {
  constexpr std::uint64_t experts = 16;
  constexpr std::uint64_t width = 32;
  constexpr std::uint32_t q8_0 = 8;
  generator random(3);
  gguf_writer out = tiny_qwen3moe_gguf();
  out.without_key("qwen3moe.expert_count").u32("qwen3moe.expert_count", experts);
  out.without_key("qwen3moe.expert_used_count").u32("qwen3moe.expert_used_count", 4);
  const std::vector<std::uint64_t> shape = {experts, width, width};
  std::vector<float> floats(experts * width * width);
  std::normal_distribution<float> number(0, 0.1F);
  for (std::uint32_t layer = 0; layer < 2; ++layer) {
    const std::string prefix = "blk." + std::to_string(layer) + ".";
    for (const std::string name : {"ffn_gate_exps.weight", "ffn_up_exps.weight",
                                   "ffn_down_exps.weight", "ffn_gate_inp.weight"})
      out.without_tensor(prefix + name);
    for (float& f : floats) f = number(random);
    out.f32_tensor(prefix + "ffn_gate_inp.weight", {experts, width},
                   std::span(floats).first(experts * width));
    out.tensor(prefix + "ffn_gate_exps.weight", shape, q8_0, q8_0_bytes(floats.size(), random));
    out.tensor(prefix + "ffn_down_exps.weight", shape, q8_0, q8_0_bytes(floats.size(), random));
    if (layer == 0) {
      out.tensor(prefix + "ffn_up_exps.weight", shape, q8_0, q8_0_bytes(floats.size(), random));
    } else {
      out.f32_tensor(prefix + "ffn_up_exps.weight", shape, floats);
    }
  }
  return out;
}

/// Sends a layer's rows to the nodes and takes the answers; experts of `local` are applied beside
/// them on the caller's own stream.
void exchange(device& own, expert_dispatch& dispatch, const layer_step& at, const expert_call& call,
              const std::vector<std::unique_ptr<expert_node>>& nodes,
              const std::vector<expert_holder>& holders) {
  const auto staged = dispatch.stage(at, call, holders);
  if (!staged) FAIL(staged.error().message());
  pass(own);
  const auto begun = dispatch.begin(at, call, holders);
  if (!begun) FAIL(begun.error().message());
  reply_box box;
  for (const auto& asked : dispatch.asked()) {
    const auto request = dispatch.request(asked.shard, 0);
    REQUIRE(request.has_value());
    const expert_rows_header& h = request->header;
    CHECK(joined(request->payload).size() ==
          h.rows.size() * expert_row_bytes({h.f32, h.q8, h.f8}, call.x.cols));
    const auto done =
        nodes[asked.shard]->service.apply(request->header, joined(request->payload), box.handler());
    if (!done) FAIL(done.error().message());
  }
  for (const expert_holder& h : holders)
    if (!h.remote) REQUIRE(nodes[h.shard]->bank->apply(at.layer, call) == kernels::status::ok);
  for (const expert_reply& reply : box.wait_for(dispatch.asked().size()))
    CHECK(dispatch.take(reply.header, joined(reply.payload)) == outputs_verdict::taken);
  CHECK(dispatch.complete());
}

/// Computes random steps with every expert on the stage's own device, and compares each layer's
/// outputs with those of 1 to 8 shards.
using device_maker = std::function<std::shared_ptr<device>()>;
template <class Device = cpu_device>
std::shared_ptr<device> two_threads() {
  return std::make_shared<Device>(processor_use{.threads = 2, .pin = false});
}

void compare_shards(const std::filesystem::path& path, activation_mode mode,
                    expert_row_form form = expert_row_form::exact,
                    const device_maker& computes = &two_threads<>, bool on_device = false) {
  generator random(17);
  const auto files = open_model(path);
  const model_config& c = files->config();
  const std::shared_ptr<device> own = computes();
  const std::shared_ptr<device> other = computes();
  stepper stage(*own, *files, mode, form);
  expert_bank every(*own, *files, shard_experts(c, 0, 1), mode, most_rows, {true, nullptr});
  // The first node of each cut is where the stage is, the others are elsewhere.
  std::vector<std::vector<std::unique_ptr<expert_node>>> cuts(most_shards);
  for (std::uint32_t n = 1; n <= most_shards; ++n)
    for (std::uint32_t i = 0; i < n; ++i)
      cuts[n - 1].push_back(std::make_unique<expert_node>(
          i == 0 ? own : other, *files, shard_experts(c, i, n), mode,
          expert_service::limits{most_rows, most_shards, on_device}, form));
  activation_needs forms;
  for (const expert_range& r : shard_experts(c, 0, 1))
    forms.merge(expert_takes(*files, r, mode, form));
  expert_dispatch dispatch(*own, c.hidden, forms,
                           {.rows = most_rows, .kept_messages = 2, .rows_on_device = on_device});
  step_id step = 0;
  for (const std::uint32_t rows :
       {1U, 2U, 7U, 1 + static_cast<std::uint32_t>(random() % most_rows), most_rows}) {
    ++step;
    const auto tokens = random_tokens(c, rows, random);
    stage.step(tokens, [&](std::uint32_t layer, const expert_call& call) {
      const std::size_t size = std::size_t{call.rows} * call.top_k * c.hidden;
      const auto complete = [&] {
        REQUIRE(own->complete_rows(call.outputs, call.rows * call.top_k, c.hidden) ==
                kernels::status::ok);
        pass(*own);
      };
      REQUIRE(every.apply(layer, call) == kernels::status::ok);
      complete();
      const std::vector<float> expected(call.outputs, call.outputs + size);
      for (const auto& nodes : cuts) {
        std::vector<expert_holder> holders = holders_of(layer, nodes, *files, mode, form);
        if (random() % 2 == 0) holders.front().remote = holders.front().shard != 0;
        std::fill_n(call.outputs, size, std::bit_cast<float>(0x7FABCDEFU));
        exchange(*own, dispatch, {3, step, layer}, call, nodes, holders);
        complete();
        CAPTURE(rows);
        CAPTURE(layer);
        CAPTURE(nodes.size());
        CHECK(same_bits(std::vector<float>(call.outputs, call.outputs + size), expected));
      }
    });
    pass(*own);
  }
}

}  // namespace

TEST_CASE("experts elsewhere give the bits of experts here: float32 weights and activations") {
  compare_shards(reference() / "models/tiny-qwen3-moe", activation_mode::f32);
}

TEST_CASE("experts elsewhere give the bits of experts here: FP8 weights") {
  compare_shards(reference() / "models/tiny-qwen3-moe-fp8", activation_mode::automatic);
}

TEST_CASE("experts elsewhere give the bits of experts here: a dense model") {
  compare_shards(reference() / "models/tiny-llama", activation_mode::automatic);
}

TEST_CASE("experts elsewhere give the bits of experts here: integer weights, both modes") {
  const temporary_directory folder;
  const auto path = folder.path() / "moe.gguf";
  integer_moe().write(path);
  const auto files = open_model(path);
  const activation_needs first = expert_reads(*files, {0, 0, 16}, activation_mode::integer);
  const activation_needs second = expert_reads(*files, {1, 0, 16}, activation_mode::integer);
  CHECK((!first.f32 && first.q8));
  CHECK((second.f32 && second.q8));
  compare_shards(path, activation_mode::integer);
  compare_shards(path, activation_mode::f32);
}

TEST_CASE("a request that is under way when ranks lose each other is refused") {
  const auto files = open_model(reference() / "models/tiny-qwen3-moe");
  const built_team built = team_of_processors(2, std::chrono::milliseconds(50));
  expert_node node(built.team, *files, shard_experts(files->config(), 0, 1), activation_mode::f32,
                   {most_rows, 4});
  pass(*built.team);
  generator random(7);
  random_rows rows(files->config(), 0, 3, random);
  expert_dispatch dispatch(*built.team, files->config().hidden, {true, false}, {most_rows, 1});
  const std::vector<expert_holder> holders = {
      {0, 0, files->config().layer_experts(0), true, {.f32 = true}}};
  REQUIRE(dispatch.stage({1, 2, 0}, rows.call(), holders).has_value());
  pass(*built.team);
  REQUIRE(dispatch.begin({1, 2, 0}, rows.call(), holders).has_value());
  const auto request = dispatch.request(0, 0);
  REQUIRE(request.has_value());
  reply_box box;
  std::promise<void> gate;
  built.ranks[1]->notify([&] { gate.get_future().wait(); });
  CHECK(node.service.apply(request->header, joined(request->payload), box.handler()).has_value());
  const auto by = std::chrono::steady_clock::now() + patient;
  while (!built.team->fault() && std::chrono::steady_clock::now() < by) std::this_thread::yield();
  CHECK(built.team->fault().has_value());
  gate.set_value();
  const auto replies = box.wait_for(1);
  REQUIRE(replies.size() == 1);
  CHECK_FALSE(replies[0].header.accepted);
  CHECK(replies[0].payload.empty());
}

TEST_CASE("experts elsewhere give the bits of experts here: rows rounded to FP8") {
  constexpr auto fp8 = expert_row_form::fp8;
  const temporary_directory folder;
  const auto path = folder.path() / "moe.gguf";
  integer_moe().write(path);
  const auto files = open_model(path);
  const activation_needs takes = expert_takes(*files, {1, 0, 16}, activation_mode::integer, fp8);
  CHECK((!takes.f32 && !takes.q8 && takes.f8));
  compare_shards(path, activation_mode::integer, fp8);
  compare_shards(path, activation_mode::f32, fp8);
  compare_shards(reference() / "models/tiny-qwen3-moe-fp8", activation_mode::automatic, fp8);
  // A dense layer's rows are not rounded.
  compare_shards(reference() / "models/tiny-llama", activation_mode::automatic, fp8);
}

TEST_CASE("experts elsewhere give the bits of experts here: by way of memory that is shared") {
  const temporary_directory folder;
  const auto path = folder.path() / "moe.gguf";
  integer_moe().write(path);
  for (const expert_row_form form : {expert_row_form::exact, expert_row_form::fp8}) {
    compare_shards(path, activation_mode::integer, form, &two_threads<staging_device>);
    compare_shards(path, activation_mode::f32, form, &two_threads<staging_device>);
    // Or from the device's own, where what sends can read it.
    compare_shards(path, activation_mode::integer, form, &two_threads<staging_device>, true);
  }
}

TEST_CASE("rows rounded to FP8 change what comes out, and not by much") {
  for (const std::string model : {"models/tiny-qwen3-moe", "models/tiny-qwen3-moe-fp8"}) {
    const auto files = open_model(reference() / model);
    cpu_device dev{{.threads = 2, .pin = false}};
    expert_bank every(dev, *files, shard_experts(files->config(), 0, 1), activation_mode::f32,
                      most_rows);
    generator random(23);
    const auto tokens = random_tokens(files->config(), most_rows, random);
    std::vector<std::vector<float>> out;
    for (const expert_row_form form : {expert_row_form::exact, expert_row_form::fp8}) {
      stepper stage(dev, *files, activation_mode::f32, form);
      stage.step(tokens, [&](std::uint32_t layer, const expert_call& call) {
        REQUIRE(every.apply(layer, call) == kernels::status::ok);
      });
      pass(dev);
      out.emplace_back(stage.hidden(),
                       stage.hidden() + std::size_t{most_rows} * files->config().hidden);
    }
    double moved = 0;
    double size = 0;
    for (std::size_t i = 0; i < out[0].size(); ++i) {
      moved += std::pow(double{out[1][i]} - double{out[0][i]}, 2);
      size += std::pow(double{out[0][i]}, 2);
    }
    MESSAGE(model, ": hidden rows moved by ", std::sqrt(moved / size), " of their size");
    CHECK(moved > 0);
    CHECK(std::sqrt(moved / size) < 0.15);
  }
}

TEST_CASE("FP8 rows take about a quarter of float32's bytes on the wire, and half of integers'") {
  constexpr std::uint32_t hidden = 2048;
  CHECK(expert_row_bytes({.f32 = true}, hidden) == 8192);
  CHECK(expert_row_bytes({.q8 = true}, hidden) == 4608);
  CHECK(expert_row_bytes({.f8 = true}, hidden) == 2112);
}

TEST_CASE("experts elsewhere give the bits of experts here: devices that compute together") {
  const auto pair = [] { return std::shared_ptr<device>(team_of_processors(2).team); };
  compare_shards(reference() / "models/tiny-qwen3-moe", activation_mode::automatic,
                 expert_row_form::exact, pair);
  compare_shards(reference() / "models/tiny-qwen3-moe-fp8", activation_mode::automatic,
                 expert_row_form::exact, pair);
  const temporary_directory folder;
  const auto path = folder.path() / "moe.gguf";
  integer_moe().write(path);
  for (const expert_row_form form : {expert_row_form::exact, expert_row_form::fp8})
    compare_shards(path, activation_mode::integer, form, pair);
}

}  // namespace troupe::test
