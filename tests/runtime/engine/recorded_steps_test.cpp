#include <doctest/doctest.h>

#include <memory>
#include <random>
#include <vector>

#include "runtime/engine/attention_stage.hpp"
#include "runtime/engine/expert_bank.hpp"
#include "tests/runtime/engine/emulated_device.hpp"
#include "tests/support/gguf_models.hpp"
#include "tests/support/paths.hpp"

namespace troupe::test {
namespace {

constexpr std::uint32_t most_rows = 24;
constexpr std::uint32_t page_size = 16;
constexpr std::uint32_t pages_each = 4;
constexpr std::uint32_t sequences = 8;

using kernels::status;

/// A model of two stages on one emulated GPU, each with its own experts, without actors.
class two_stages {
 public:
  two_stages(const model_files& files, std::uint32_t recorded_rows,
             expert_row_form form = expert_row_form::exact)
      : dev(1, recorded_rows),
        hidden_(dev.allocate(std::size_t{most_rows} * files.config().hidden * 4)) {
    const std::uint32_t half = files.config().layers / 2;
    for (const layer_range range : {layer_range{0, half}, layer_range{half, files.config().layers}})
      stages_.push_back(std::make_unique<part>(dev, files, range, form));
  }

  /// Computes a step and returns what it scored.
  step_result run(std::shared_ptr<const step_plan> plan) {
    std::vector<page_table> tables;
    for (const sequence_run& r : plan->runs) {
      auto table = std::make_shared<std::vector<std::int32_t>>();
      for (std::uint32_t i = 0; i < pages_each; ++i)
        table->push_back(static_cast<std::int32_t>(r.sequence * pages_each + pages_each - 1 - i));
      tables.push_back(table);
    }
    step_inputs in(std::move(plan), std::move(tables));
    for (const auto& p : stages_) {
      REQUIRE(p->stage.begin(in, hidden_.as<float>()) == status::ok);
      for (std::uint32_t layer = p->stage.layers().first; layer < p->stage.layers().last; ++layer) {
        REQUIRE(p->stage.attend(layer) == status::ok);
        REQUIRE(p->bank.apply(layer, p->stage.experts_of(layer)) == status::ok);
        REQUIRE(p->stage.combine(layer) == status::ok);
      }
      if (!p->stage.is_last()) REQUIRE(p->stage.leave(hidden_.as<float>()) == status::ok);
    }
    REQUIRE(stages_.back()->stage.head(in) == status::ok);
    return in.collect();
  }

  emulated_device dev;

 private:
  struct part {
    part(device& d, const model_files& files, layer_range range, expert_row_form form)
        : kv(d,
             {range.count(), files.config().kv_heads, files.config().head_dim, page_size,
              kernels::kv_type::f16},
             sequences * pages_each),
          stage(d, files, range, kv, activation_mode::automatic,
                {most_rows, {true, nullptr}, form}),
          bank(d, files, experts(files, range), activation_mode::automatic, most_rows,
               {true, nullptr}) {}
    static std::vector<expert_range> experts(const model_files& files, layer_range range) {
      std::vector<expert_range> all;
      for (std::uint32_t layer = range.first; layer < range.last; ++layer)
        all.push_back({layer, 0, files.config().layer_experts(layer)});
      return all;
    }
    kv_store kv;
    attention_stage stage;
    expert_bank bank;
  };

  device_buffer hidden_;
  std::vector<std::unique_ptr<part>> stages_;
};

/// Steps as a server would make them: prompts in pieces beside sequences that decode, so many that
/// most sizes come, each row's next token scored with its likeliest others.
std::vector<std::shared_ptr<step_plan>> steps_of_many_sizes(std::uint32_t of = sequences) {
  std::mt19937 random(5);
  std::vector<std::uint32_t> length(of);
  std::vector<std::shared_ptr<step_plan>> steps;
  const auto add = [&](const std::vector<std::pair<std::uint32_t, std::uint32_t>>& batch) {
    auto plan = std::make_shared<step_plan>();
    plan->id = steps.size();
    for (const auto& [sequence, tokens] : batch) {
      sequence_run r{sequence, length[sequence], {}};
      for (std::uint32_t i = 0; i < tokens; ++i)
        r.tokens.push_back(static_cast<token_id>(random() % 40));
      for (std::uint32_t i = 0; i < tokens; ++i)
        plan->scores.push_back({static_cast<std::uint32_t>(plan->runs.size()), i,
                                static_cast<token_id>(random() % 40), 20});
      length[sequence] += tokens;
      plan->runs.push_back(std::move(r));
    }
    steps.push_back(std::move(plan));
  };
  for (std::uint32_t s = 0; s < of; ++s) add({{s, 3 + s}});
  add({{0, 5}, {1, 1}, {2, 1}, {3, 12}});
  for (std::uint32_t count = 1; count <= of; ++count) {
    std::vector<std::pair<std::uint32_t, std::uint32_t>> batch;
    for (std::uint32_t s = 0; s < count; ++s) batch.emplace_back((s * 5 + count) % of, 1);
    add(batch);
  }
  return steps;
}

bool same(const step_result& a, const step_result& b) {
  if (a.scores.size() != b.scores.size()) return false;
  for (std::size_t i = 0; i < a.scores.size(); ++i)
    if (a.scores[i].logprob != b.scores[i].logprob || a.scores[i].top != b.scores[i].top)
      return false;
  return true;
}

std::unique_ptr<model_files> write_and_open(const gguf_writer& model,
                                            const temporary_directory& folder) {
  const auto path = folder.path() / "tiny.gguf";
  model.write(path);
  auto files = model_files::open(path);
  REQUIRE(files.has_value());
  return std::move(*files);
}

}  // namespace

TEST_CASE("steps that run as recorded work have the bits of those that do not") {
  for (const gguf_writer& model : {tiny_llama_gguf(), tiny_qwen3moe_gguf()}) {
    const temporary_directory folder;
    const auto files = write_and_open(model, folder);
    two_stages plain(*files, 0);
    two_stages all(*files, most_rows);
    two_stages few(*files, 4);
    for (const auto& step : steps_of_many_sizes()) {
      CAPTURE(step->id);
      const step_result expected = plain.run(step);
      REQUIRE(expected.scores.size() == step->rows());
      CHECK(same(all.run(step), expected));
      CHECK(same(few.run(step), expected));
    }
    CHECK(plain.dev.recorded() == 0);
    CHECK(all.dev.replayed() > 2 * all.dev.recorded());
    CHECK(few.dev.replayed() < all.dev.replayed());
    CHECK(few.dev.replayed() > 0);
  }
}

TEST_CASE("rounding rows to FP8 is recorded with the rest") {
  const temporary_directory folder;
  const auto files = write_and_open(tiny_qwen3moe_gguf(), folder);
  two_stages plain(*files, 0, expert_row_form::fp8);
  two_stages recorded(*files, most_rows, expert_row_form::fp8);
  two_stages exact(*files, 0);
  bool differs = false;
  for (const auto& step : steps_of_many_sizes(4)) {
    const step_result expected = plain.run(step);
    CHECK(same(recorded.run(step), expected));
    differs = differs || !same(exact.run(step), expected);
  }
  CHECK(differs);
  CHECK(recorded.dev.replayed() > recorded.dev.recorded());
}

TEST_CASE("a step is recorded once for a size, whatever its rows") {
  const temporary_directory folder;
  const auto files = write_and_open(tiny_qwen3moe_gguf(), folder);
  two_stages model(*files, most_rows);
  const auto one = [](std::uint32_t sequence, std::uint32_t first, std::uint32_t tokens) {
    auto plan = std::make_shared<step_plan>();
    plan->runs.push_back({sequence, first, std::vector<token_id>(tokens, 7)});
    plan->scores.push_back({0, tokens - 1, 3, 0});
    return plan;
  };
  (void)model.run(one(0, 0, 9));
  const std::size_t once = model.dev.recorded();
  CHECK(once > 0);
  (void)model.run(one(1, 0, 12));
  (void)model.run(one(0, 9, 16));
  CHECK(model.dev.recorded() == once);
  (void)model.run(one(2, 0, 17));
  CHECK(model.dev.recorded() == 2 * once);
}

TEST_CASE("a profile counts a step's operations one by one, and what they moved") {
  const temporary_directory folder;
  const auto files = write_and_open(tiny_qwen3moe_gguf(), folder);
  two_stages model(*files, most_rows);
  auto plan = std::make_shared<step_plan>();
  plan->runs.push_back({0, 0, {5, 6, 7}});
  plan->scores.push_back({0, 2, 3, 0});
  const step_result expected = model.run(plan);
  const std::size_t replayed = model.dev.replayed();
  model.dev.start_profile();
  CHECK(same(model.run(plan), expected));
  CHECK(model.dev.replayed() == replayed);
  const auto profile = model.dev.stop_profile();
  REQUIRE(profile.has_value());
  const auto of = [&](std::string_view name) {
    operation_profile all;
    for (const operation_profile& o : profile->operations) {
      if (!o.operation.starts_with(name)) continue;
      all.calls += o.calls;
      all.bytes += o.bytes;
      all.seconds += o.seconds;
    }
    return all;
  };
  const model_config& c = files->config();
  CHECK(of("attention").calls == c.layers);
  CHECK(of("expert_up").calls == c.layers);
  CHECK(of("expert_up").bytes > 0);
  CHECK(of("rms_norm").calls == 2 * c.layers + 1);
  CHECK(of("rms_norm").seconds > 0);
  // As it lies in the file, and rows in and out.
  const kernels::matrix head = files->matrix(matrix_slot::head, 0, 0);
  CHECK(of(fmt::format("linear {}x{}", head.rows, head.cols)).bytes >=
        static_cast<double>(head.bytes()));
  (void)model.run(plan);
  CHECK(model.dev.replayed() > replayed);
}

TEST_CASE("a step that is given up in the middle leaves nothing to the next one") {
  const temporary_directory folder;
  const auto files = write_and_open(tiny_qwen3moe_gguf(), folder);
  emulated_device dev(1, most_rows);
  const model_config& c = files->config();
  const kv_store kv(dev, {c.layers, c.kv_heads, c.head_dim, page_size, kernels::kv_type::f16}, 4);
  attention_stage stage(dev, *files, {0, c.layers}, kv, activation_mode::automatic,
                        {most_rows, {true, nullptr}});
  const device_buffer x = dev.allocate(std::size_t{most_rows} * c.hidden * sizeof(float));
  auto plan = std::make_shared<step_plan>();
  plan->runs.push_back({0, 0, {5, 6, 7}});
  const auto table = std::make_shared<std::vector<std::int32_t>>(std::vector<std::int32_t>{0});
  step_inputs first(plan, {table});
  REQUIRE(stage.begin(first, x.as<float>()) == status::ok);
  REQUIRE(stage.attend(0) == status::ok);
  const kernels::activation before = stage.experts_of(0).x;
  const std::vector<float> expected(before.f32, before.f32 + 3 * c.hidden);
  REQUIRE(stage.combine(0) == status::ok);
  step_inputs again(plan, {table});
  REQUIRE(stage.begin(again, x.as<float>()) == status::ok);
  REQUIRE(stage.attend(0) == status::ok);
  const kernels::activation after = stage.experts_of(0).x;
  CHECK(std::equal(expected.begin(), expected.end(), after.f32));
}

}  // namespace troupe::test
