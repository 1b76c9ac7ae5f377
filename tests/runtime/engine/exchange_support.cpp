#include "tests/runtime/engine/exchange_support.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <future>
#include <numeric>
#include <utility>

namespace troupe::test {
namespace {

constexpr auto patience = std::chrono::minutes(2);
/// Not a number, and not the one that arithmetic makes.
constexpr std::uint32_t spoilt = 0x7FABCDEF;

}  // namespace

void pass(device& d) {
  auto done = std::make_shared<std::promise<void>>();
  d.notify([done] { done->set_value(); });
  REQUIRE(done->get_future().wait_for(patience) == std::future_status::ready);
}

std::vector<std::byte> joined(const std::vector<payload_part>& parts) {
  std::vector<std::byte> out;
  for (const payload_part& p : parts) out.insert(out.end(), p.bytes.begin(), p.bytes.end());
  return out;
}

expert_service::answer_handler reply_box::handler() {
  return [to = contents_](expert_reply&& reply) {
    const std::lock_guard lock(to->mutex);
    to->replies.push_back(std::move(reply));
    to->changed.notify_all();
  };
}

std::vector<expert_reply> reply_box::wait_for(std::size_t count) {
  std::unique_lock lock(contents_->mutex);
  contents_->changed.wait_for(lock, patience, [&] { return contents_->replies.size() >= count; });
  return contents_->replies;
}

std::vector<expert_range> shard_experts(const model_config& c, std::uint32_t shard,
                                        std::uint32_t shards) {
  std::vector<expert_range> out;
  for (std::uint32_t layer = 0; layer < c.layers; ++layer) {
    const std::uint32_t all = c.layer_experts(layer);
    const std::uint32_t first = all * shard / shards;
    const std::uint32_t last = all * (shard + 1) / shards;
    if (first < last) out.push_back({layer, first, last - first});
  }
  return out;
}

expert_node::expert_node(std::shared_ptr<device> dev, const model_files& files,
                         std::vector<expert_range> ranges, activation_mode mode,
                         const expert_service::limits& most, expert_row_form rows)
    : owned(std::move(ranges)),
      bank(std::make_shared<expert_bank>(*dev, files, owned, mode, most.rows,
                                         weight_packing{true, nullptr})),
      service(std::move(dev), bank, files, owned, mode, rows, most) {}

std::vector<expert_holder> holders_of(std::uint32_t layer,
                                      const std::vector<std::unique_ptr<expert_node>>& nodes,
                                      const model_files& files, activation_mode mode,
                                      expert_row_form rows) {
  std::vector<expert_holder> out;
  for (std::uint32_t i = 0; i < nodes.size(); ++i) {
    for (const expert_range& r : nodes[i]->owned)
      if (r.layer == layer)
        out.push_back({i, r.first, r.count, true, expert_takes(files, r, mode, rows)});
  }
  return out;
}

random_rows::random_rows(const model_config& c, std::uint32_t layer_number, std::uint32_t count,
                         generator& random)
    : layer(layer_number),
      rows(count),
      top_k(c.layer_top_k(layer_number)),
      hidden(c.hidden),
      x(std::size_t{count} * c.hidden),
      outputs(std::size_t{count} * top_k * c.hidden) {
  std::normal_distribution<float> number;
  for (float& v : x) v = number(random);
  std::vector<std::int32_t> order(c.layer_experts(layer));
  std::iota(order.begin(), order.end(), 0);
  for (std::uint32_t row = 0; row < rows; ++row) {
    std::shuffle(order.begin(), order.end(), random);
    ids.insert(ids.end(), order.begin(), order.begin() + top_k);
  }
  spoil();
}

expert_call random_rows::call() {
  return {{x.data(), nullptr, hidden}, ids.data(), outputs.data(), rows, top_k};
}

std::vector<float> random_rows::computed_by(expert_bank& bank, device& d) {
  REQUIRE(bank.apply(layer, call()) == kernels::status::ok);
  pass(d);
  std::vector<float> out = outputs;
  spoil();
  return out;
}

void random_rows::spoil() { std::ranges::fill(outputs, std::bit_cast<float>(spoilt)); }

stepper::stepper(device& d, const model_files& files, activation_mode mode, expert_row_form rows)
    : files_(files),
      kv_(d,
          {files.config().layers, files.config().kv_heads, files.config().head_dim, page_size,
           kernels::kv_type::f32},
          most_rows / page_size),
      stage_(d, files, {0, files.config().layers}, kv_, mode,
             {.rows = most_rows, .packing = {true, nullptr}, .expert_rows = rows}),
      x_(d.allocate(std::size_t{most_rows} * files.config().hidden * sizeof(float))) {}

void stepper::step(const std::vector<token_id>& tokens, const layer_function& experts) {
  auto plan = std::make_shared<step_plan>();
  plan->runs.push_back({1, 0, tokens});
  auto pages = std::make_shared<std::vector<std::int32_t>>(kv_.pages());
  std::iota(pages->begin(), pages->end(), 0);
  inputs_.push_back(
      std::make_shared<step_inputs>(std::move(plan), std::vector<page_table>{std::move(pages)}));
  REQUIRE(stage_.begin(*inputs_.back(), x_.as<float>()) == kernels::status::ok);
  for (std::uint32_t layer = 0; layer < files_.config().layers; ++layer) {
    REQUIRE(stage_.attend(layer) == kernels::status::ok);
    experts(layer, stage_.experts_of(layer));
    REQUIRE(stage_.combine(layer) == kernels::status::ok);
  }
}

std::vector<token_id> random_tokens(const model_config& c, std::uint32_t count, generator& random) {
  std::vector<token_id> tokens(count);
  for (token_id& t : tokens) t = static_cast<token_id>(random() % c.vocab);
  return tokens;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

std::unique_ptr<model_files> open_model(const std::filesystem::path& path) {
  auto files = model_files::open(path);
  if (!files) FAIL(files.error().message());
  return std::move(*files);
}

}  // namespace troupe::test
