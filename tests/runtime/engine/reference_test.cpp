#include <doctest/doctest.h>

#include <bit>
#include <boost/json.hpp>
#include <cmath>
#include <fstream>
#include <sstream>

#include "tests/runtime/engine/forward_harness.hpp"
#include "tests/support/paths.hpp"

namespace troupe::test {
namespace {

namespace json = boost::json;

json::array cases(const std::string& name) {
  std::ifstream in(reference() / ("logits-" + name + ".json"));
  std::stringstream text;
  text << in.rdbuf();
  return json::parse(text.str()).as_object().at("cases").as_array();
}

std::vector<token_id> tokens(const json::value& list) {
  return json::value_to<std::vector<token_id>>(list);
}

struct deviation {
  double logit = 0;
  double nll = 0;
  double mean_nll = 0;
};

/// The largest differences from the vectors that Hugging Face transformers computed.
deviation compare(forward_harness& model, const json::array& vectors) {
  deviation worst;
  double total = 0;
  std::size_t scored = 0;
  const std::size_t vocab = model.config().vocab;
  for (const json::value& each : vectors) {
    const auto prompt = tokens(each.at("prompt_ids"));
    const std::vector<float> logits = model.logits(prompt);
    const auto positions = json::value_to<std::vector<std::size_t>>(each.at("positions"));
    for (std::size_t i = 0; i < positions.size(); ++i) {
      const auto ids = tokens(each.at("top_ids").at(i));
      const auto expected = json::value_to<std::vector<double>>(each.at("top_logits").at(i));
      for (std::size_t k = 0; k < ids.size(); ++k) {
        const double got = logits[positions[i] * vocab + static_cast<std::size_t>(ids[k])];
        worst.logit = std::max(worst.logit, std::abs(got - expected[k]));
      }
    }
    const auto nll = json::value_to<std::vector<double>>(each.at("prompt_nll"));
    for (std::size_t i = 0; i < nll.size(); ++i) {
      const double got = negative_log_likelihood(&logits[i * vocab], vocab, prompt[i + 1]);
      worst.nll = std::max(worst.nll, std::abs(got - nll[i]));
      total += got;
      ++scored;
    }
  }
  worst.mean_nll = total / static_cast<double>(scored);
  return worst;
}

/// A model whose rotary frequencies were rounded to bfloat16. The vectors of the BF16 checkpoints
/// were computed that way: casting a whole model to bfloat16 and back, as their script does, rounds
/// that buffer too. Serving computes them in float32, as training and every loaded checkpoint does.
class rounded_frequencies final : public model_files {
 public:
  explicit rounded_frequencies(std::unique_ptr<model_files> inner)
      : inner_(std::move(inner)), config_(inner_->config()) {
    for (float& f : config_.rope.inv_freq) {
      const auto bits = std::bit_cast<std::uint32_t>(f);
      f = std::bit_cast<float>((bits + 0x7FFFU + ((bits >> 16U) & 1U)) & 0xFFFF0000U);
    }
  }
  const model_config& config() const override { return config_; }
  kernels::matrix matrix(matrix_slot slot, std::uint32_t layer,
                         std::uint32_t expert) const override {
    return inner_->matrix(slot, layer, expert);
  }
  std::span<const float> vector(vector_slot slot, std::uint32_t layer) const override {
    return inner_->vector(slot, layer);
  }
  const tokenizer_spec& tokenizer() const override { return inner_->tokenizer(); }
  const std::string& chat_template() const override { return inner_->chat_template(); }
  const generation_defaults& defaults() const override { return inner_->defaults(); }
  const std::string& name() const override { return inner_->name(); }
  std::string format() const override { return inner_->format(); }
  std::vector<tensor_listing> tensors() const override { return inner_->tensors(); }
  const std::string& identity() const override { return inner_->identity(); }

 private:
  std::unique_ptr<model_files> inner_;
  model_config config_;
};

forward_harness open(const std::filesystem::path& path, activation_mode mode, kernels::kv_type kv) {
  auto files = model_files::open(path);
  if (!files) FAIL(files.error().message());
  if ((*files)->matrix(matrix_slot::query, 0, 0).type == kernels::dtype::bf16) {
    return {std::make_unique<rounded_frequencies>(std::move(*files)), mode, kv, 256};
  }
  return {std::move(*files), mode, kv, 256};
}

TEST_CASE("the float32 path agrees with transformers on every architecture") {
  for (const std::string name :
       {"tiny-qwen3", "tiny-qwen3-moe", "tiny-llama", "tiny-qwen3-yarn", "tiny-qwen3-moe-fp8"}) {
    CAPTURE(name);
    forward_harness model =
        open(reference() / "models" / name, activation_mode::f32, kernels::kv_type::f32);
    const deviation d = compare(model, cases(name));
    CHECK(d.logit < 1e-3);
    CHECK(d.nll < 1e-3);
  }
}

TEST_CASE(
    "SmolLM2 agrees with transformers with float32 activations, and nearly with the fast ones") {
  const auto path = smollm2();
  if (path.empty()) {
    MESSAGE("skipped: SmolLM2 is not here; tools/fetch-model.sh gets it");
    return;
  }
  const json::array vectors = cases("smollm2");
  forward_harness exact = open(path, activation_mode::f32, kernels::kv_type::f32);
  const deviation f32 = compare(exact, vectors);
  CHECK(f32.logit < 2e-2);
  CHECK(f32.nll < 2e-2);
  forward_harness fast = open(path, activation_mode::automatic, kernels::kv_type::f16);
  const deviation q8 = compare(fast, vectors);
  MESSAGE("fast path: mean nll " << q8.mean_nll << " against " << f32.mean_nll << ", worst logit "
                                 << q8.logit);
  CHECK(std::abs(q8.mean_nll - f32.mean_nll) < 0.005 * f32.mean_nll);
}

}  // namespace
}  // namespace troupe::test
