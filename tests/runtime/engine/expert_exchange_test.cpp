#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>
#include <future>
#include <numeric>
#include <thread>

#include "tests/runtime/engine/exchange_support.hpp"
#include "tests/runtime/engine/team/teams.hpp"
#include "tests/support/gguf_models.hpp"
#include "tests/support/paths.hpp"

namespace troupe::test {
namespace {

constexpr std::uint32_t most_rows = 48;
constexpr std::uint32_t most_shards = 8;
constexpr std::uint32_t page_size = 16;

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

/// Steps of a whole model on one stage, stopping where a layer's experts are due.
class stepper {
 public:
  stepper(device& d, const model_files& files, activation_mode mode)
      : device_(d),
        files_(files),
        kv_(d,
            {files.config().layers, files.config().kv_heads, files.config().head_dim, page_size,
             kernels::kv_type::f32},
            most_rows / page_size),
        stage_(d, files, {0, files.config().layers}, kv_, mode, {most_rows, {true, nullptr}}),
        x_(d.allocate(std::size_t{most_rows} * files.config().hidden * sizeof(float))) {}

  void step(std::uint32_t rows, generator& random,
            const std::function<void(std::uint32_t, const expert_call&)>& experts) {
    auto plan = std::make_shared<step_plan>();
    plan->runs.push_back({1, 0, std::vector<token_id>(rows)});
    for (token_id& t : plan->runs[0].tokens)
      t = static_cast<token_id>(random() % files_.config().vocab);
    auto pages = std::make_shared<std::vector<std::int32_t>>(kv_.pages());
    std::iota(pages->begin(), pages->end(), 0);
    step_inputs in(plan, {pages});
    REQUIRE(stage_.begin(in, x_.as<float>()) == kernels::status::ok);
    for (std::uint32_t layer = 0; layer < files_.config().layers; ++layer) {
      REQUIRE(stage_.attend(layer) == kernels::status::ok);
      pass(device_);
      experts(layer, stage_.experts_of(layer));
      REQUIRE(stage_.combine(layer) == kernels::status::ok);
    }
    pass(device_);
  }

 private:
  device& device_;
  const model_files& files_;
  kv_store kv_;
  attention_stage stage_;
  device_buffer x_;
};

/// Sends a layer's rows to the nodes and takes the answers; experts of `local` are applied beside
/// them on the caller's own stream.
void exchange(expert_dispatch& dispatch, const layer_step& at, const expert_call& call,
              const std::vector<std::unique_ptr<expert_node>>& nodes,
              const std::vector<expert_holder>& holders) {
  const auto begun = dispatch.begin(at, call, holders);
  if (!begun) FAIL(begun.error().message());
  reply_box box;
  for (const auto& asked : dispatch.asked()) {
    const auto request = dispatch.request(asked.shard, 0);
    REQUIRE(request.has_value());
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
void compare_shards(
    const std::filesystem::path& path, activation_mode mode,
    const std::function<std::shared_ptr<device>()>& computes = [] {
      return std::make_shared<cpu_device>(processor_use{.threads = 2, .pin = false});
    }) {
  generator random(17);
  const auto files = open_model(path);
  const model_config& c = files->config();
  const std::shared_ptr<device> own = computes();
  const std::shared_ptr<device> other = computes();
  stepper stage(*own, *files, mode);
  expert_bank every(*own, *files, shard_experts(c, 0, 1), mode, most_rows, {true, nullptr});
  // The first node of each cut is where the stage is, the others are elsewhere.
  std::vector<std::vector<std::unique_ptr<expert_node>>> cuts(most_shards);
  for (std::uint32_t n = 1; n <= most_shards; ++n)
    for (std::uint32_t i = 0; i < n; ++i)
      cuts[n - 1].push_back(
          std::make_unique<expert_node>(i == 0 ? own : other, *files, shard_experts(c, i, n), mode,
                                        expert_service::limits{most_rows, most_shards}));
  activation_needs forms;
  for (const expert_range& r : shard_experts(c, 0, 1)) forms.merge(expert_reads(*files, r, mode));
  expert_dispatch dispatch(*own, c.hidden, forms, {most_rows, 2});
  step_id step = 0;
  for (const std::uint32_t rows :
       {1U, 2U, 7U, 1 + static_cast<std::uint32_t>(random() % most_rows), most_rows}) {
    ++step;
    stage.step(rows, random, [&](std::uint32_t layer, const expert_call& call) {
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
        std::vector<expert_holder> holders = holders_of(layer, nodes, *files, mode);
        if (random() % 2 == 0) holders.front().remote = holders.front().shard != 0;
        std::fill_n(call.outputs, size, std::bit_cast<float>(0x7FABCDEFU));
        own->written(call.outputs, size * sizeof(float));
        exchange(dispatch, {3, step, layer}, call, nodes, holders);
        complete();
        CAPTURE(rows);
        CAPTURE(layer);
        CAPTURE(nodes.size());
        CHECK(same_bits(std::vector<float>(call.outputs, call.outputs + size), expected));
      }
    });
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
      {0, 0, files->config().layer_experts(0), true, {true, false}}};
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

TEST_CASE("experts elsewhere give the bits of experts here: devices that compute together") {
  const auto pair = [] { return std::shared_ptr<device>(team_of_processors(2).team); };
  compare_shards(reference() / "models/tiny-qwen3-moe", activation_mode::automatic, pair);
  compare_shards(reference() / "models/tiny-qwen3-moe-fp8", activation_mode::automatic, pair);
  const temporary_directory folder;
  const auto path = folder.path() / "moe.gguf";
  integer_moe().write(path);
  compare_shards(path, activation_mode::integer, pair);
}

}  // namespace troupe::test
