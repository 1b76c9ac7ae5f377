#include "tests/runtime/engine/forward_harness.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <future>
#include <numeric>

namespace troupe::test {
namespace {

constexpr std::uint32_t page_size = 16;

std::vector<expert_range> every_expert(const model_config& c) {
  std::vector<expert_range> all;
  for (std::uint32_t layer = 0; layer < c.layers; ++layer)
    all.push_back({layer, 0, c.layer_experts(layer)});
  return all;
}

}  // namespace

forward_harness::forward_harness(std::unique_ptr<model_files> files, activation_mode mode,
                                 kernels::kv_type kv, std::uint32_t most_rows,
                                 std::shared_ptr<device> on)
    : files_(std::move(files)),
      owned_(on != nullptr
                 ? std::move(on)
                 : std::make_shared<cpu_device>(processor_use{.threads = 2, .pin = false})),
      device_(*owned_),
      mode_(mode_on(device_, mode)),
      kv_(device_,
          {files_->config().layers, files_->config().kv_heads, files_->config().head_dim, page_size,
           kv},
          most_rows / page_size + 1),
      stage_(device_, *files_, {0, files_->config().layers}, kv_, mode,
             {most_rows, {true, nullptr}}),
      bank_(std::make_unique<expert_bank>(device_, *files_, every_expert(files_->config()), mode,
                                          most_rows, weight_packing{true, nullptr})),
      hidden_(device_.allocate(std::size_t{most_rows} * files_->config().hidden * sizeof(float))) {}

std::vector<float> forward_harness::logits(const std::vector<token_id>& tokens) {
  const model_config& c = files_->config();
  auto plan = std::make_shared<step_plan>();
  plan->runs.push_back({1, 0, tokens});
  auto pages = std::make_shared<std::vector<std::int32_t>>(kv_.pages());
  std::iota(pages->begin(), pages->end(), 0);
  step_inputs in(plan, {pages});
  REQUIRE(stage_.begin(in, hidden_.as<float>()) == kernels::status::ok);
  for (std::uint32_t layer = 0; layer < c.layers; ++layer) {
    REQUIRE(stage_.attend(layer) == kernels::status::ok);
    REQUIRE(bank_->apply(layer, stage_.experts_of(layer)) == kernels::status::ok);
    REQUIRE(stage_.combine(layer) == kernels::status::ok);
  }
  // The head by hand: the stage's own samples, and keeps no logits.
  const kernels::matrix head = files_->matrix(matrix_slot::head, 0, 0);
  activation_needs needs;
  needs.add(head, mode_);
  const auto rows = static_cast<std::uint32_t>(tokens.size());
  const activation_buffer normed(device_, rows, c.hidden, needs);
  std::vector<float> out(tokens.size() * c.vocab);
  kernels::backend& k = device_.kernels();
  const float* norm = files_->vector(vector_slot::final_norm, 0).data();
  REQUIRE(k.rms_norm(device_.stream(), {stage_.hidden(), norm, normed.view(needs), c.norm_eps, rows,
                                        c.hidden}) == kernels::status::ok);
  REQUIRE(k.linear(device_.stream(), {normed.view(needs), head, nullptr, nullptr, out.data(), rows,
                                      c.vocab}) == kernels::status::ok);
  std::promise<void> done;
  device_.notify([&] { done.set_value(); });
  REQUIRE(done.get_future().wait_for(std::chrono::minutes(5)) == std::future_status::ready);
  return out;
}

double negative_log_likelihood(const float* row, std::size_t vocab, token_id target) {
  double most = row[0];
  for (std::size_t i = 1; i < vocab; ++i) most = std::max(most, static_cast<double>(row[i]));
  double sum = 0;
  for (std::size_t i = 0; i < vocab; ++i) sum += std::exp(row[i] - most);
  return most + std::log(sum) - row[target];
}

}  // namespace troupe::test
