#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "tests/runtime/engine/emulated_device.hpp"
#include "tests/runtime/engine/forward_harness.hpp"
#include "tests/support/gguf_models.hpp"
#include "tests/support/paths.hpp"

namespace troupe::test {
namespace {

constexpr std::uint32_t most_rows = 80;

std::vector<float> logits(const gguf_writer& model, std::shared_ptr<device> on,
                          const std::vector<token_id>& tokens) {
  const temporary_directory folder;
  const auto path = folder.path() / "tiny.gguf";
  model.write(path);
  auto files = model_files::open(path);
  REQUIRE(files.has_value());
  forward_harness harness(std::move(*files), activation_mode::automatic, kernels::kv_type::f32,
                          most_rows, std::move(on));
  return harness.logits(tokens);
}

std::vector<token_id> some_tokens(std::size_t count) {
  std::vector<token_id> tokens;
  for (std::size_t i = 0; i < count; ++i) tokens.push_back(static_cast<token_id>(i * 7 % 40));
  return tokens;
}

double root_mean_square(const std::vector<float>& x, const std::vector<float>& from) {
  double squares = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double d = double{x[i]} - (from.empty() ? 0.0 : double{from[i]});
    squares += d * d;
  }
  return std::sqrt(squares / static_cast<double>(x.size()));
}

}  // namespace

TEST_CASE("whole models give on the emulated GPU what they give on the processors") {
  for (const gguf_writer& model : {tiny_llama_gguf(), tiny_qwen3moe_gguf()}) {
    const auto tokens = some_tokens(70);
    const std::vector<float> cpu = logits(model, nullptr, tokens);
    const std::vector<float> gpu = logits(model, std::make_shared<emulated_device>(), tokens);
    REQUIRE(gpu.size() == cpu.size());
    // Experts round to BF16, whose step is one part in 256.
    CHECK(root_mean_square(gpu, cpu) < 0.01 * root_mean_square(cpu, {}));
  }
}

TEST_CASE("a position's logits have the same bits on the emulated GPU whatever comes with it") {
  for (const gguf_writer& model : {tiny_llama_gguf(), tiny_qwen3moe_gguf()}) {
    const std::vector<float> whole =
        logits(model, std::make_shared<emulated_device>(1), some_tokens(70));
    const std::vector<float> part =
        logits(model, std::make_shared<emulated_device>(2), some_tokens(3));
    CHECK(std::equal(part.begin(), part.end(), whole.begin()));
    const std::vector<float> again =
        logits(model, std::make_shared<emulated_device>(3), some_tokens(70));
    CHECK(again == whole);
  }
}

}  // namespace troupe::test
