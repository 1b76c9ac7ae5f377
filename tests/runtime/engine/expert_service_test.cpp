#include "runtime/engine/expert_service.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstring>
#include <deque>
#include <future>
#include <numeric>
#include <thread>

#include "tests/runtime/engine/exchange_support.hpp"
#include "tests/support/paths.hpp"

namespace troupe::test {
namespace {

constexpr auto f32 = activation_mode::f32;
constexpr std::uint32_t most_rows = 32;

struct served_model {
  explicit served_model(std::size_t in_flight = 4)
      : files(open_model(reference() / "models/tiny-qwen3-moe")),
        dev(std::make_shared<cpu_device>(processor_use{.threads = 2, .pin = false})),
        every(*dev, *files, shard_experts(files->config(), 0, 1), f32, most_rows),
        node(std::make_unique<expert_node>(dev, *files, shard_experts(files->config(), 1, 2), f32,
                                           expert_service::limits{most_rows, in_flight})) {}

  /// A request for the node's experts of a layer, which every row has chosen some of.
  expert_request request(random_rows& rows) {
    expert_dispatch dispatch(*dev, files->config().hidden, {true, false}, {most_rows, 1});
    const std::uint32_t half = files->config().layer_experts(rows.layer) / 2;
    const std::vector<expert_holder> holders = {
        {0, 0, half, false, {true, false}},
        {1, half, files->config().layer_experts(rows.layer) - half, true, {true, false}}};
    REQUIRE(dispatch.begin({1, 2, rows.layer}, rows.call(), holders).has_value());
    auto out = dispatch.request(1, 0);
    REQUIRE(out.has_value());
    return std::move(*out);
  }

  std::unique_ptr<model_files> files;
  std::shared_ptr<cpu_device> dev;
  expert_bank every;
  std::unique_ptr<expert_node> node;
};

/// Whether an answer holds, slot for slot, what all experts together computed.
bool holds(const expert_reply& reply, const std::vector<float>& outputs, std::size_t hidden) {
  const std::vector<std::byte> bytes = joined(reply.payload);
  if (bytes.size() != reply.header.slots.size() * hidden * sizeof(float)) return false;
  for (std::size_t i = 0; i < reply.header.slots.size(); ++i) {
    if (std::memcmp(bytes.data() + i * hidden * sizeof(float),
                    outputs.data() + reply.header.slots[i] * hidden, hidden * sizeof(float)) != 0)
      return false;
  }
  return reply.header.accepted;
}

}  // namespace

TEST_CASE("requests on the stream together are each answered with their own outputs") {
  served_model m(64);
  generator random(11);
  std::deque<random_rows> asked;
  std::vector<std::vector<float>> expected;
  reply_box box;
  constexpr std::size_t count = 50;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t layer = i % 2 == 0 ? 0 : 2 + random() % 2;
    asked.emplace_back(m.files->config(), layer, 1 + random() % most_rows, random);
    expected.push_back(asked.back().computed_by(m.every, *m.dev));
  }
  for (std::size_t i = 0; i < count; ++i) {
    expert_request r = m.request(asked[i]);
    r.header.step = i;
    REQUIRE(m.node->service.apply(r.header, joined(r.payload), box.handler()).has_value());
  }
  const auto replies = box.wait_for(count);
  REQUIRE(replies.size() == count);
  for (std::size_t i = 0; i < count; ++i) {
    CHECK(replies[i].header.step == i);
    CHECK(holds(replies[i], expected[i], m.files->config().hidden));
  }
  CHECK(m.node->service.in_flight() == 0);
}

TEST_CASE("answers of several services come in from many threads' requests") {
  served_model a;
  constexpr std::size_t threads = 3;
  constexpr std::size_t rounds = 20;
  std::vector<std::jthread> callers;
  std::array<std::size_t, threads> right{};
  std::vector<std::unique_ptr<expert_node>> nodes;
  std::vector<random_rows> rows;
  std::vector<expert_request> requests;
  std::vector<std::vector<float>> expected;
  generator random(12);
  for (std::size_t t = 0; t < threads; ++t) {
    nodes.push_back(std::make_unique<expert_node>(a.dev, *a.files, a.node->owned, f32,
                                                  expert_service::limits{most_rows, 2}));
    rows.emplace_back(a.files->config(), 0, 9, random);
    expected.push_back(rows[t].computed_by(a.every, *a.dev));
    requests.push_back(a.request(rows[t]));
  }
  for (std::size_t t = 0; t < threads; ++t) {
    callers.emplace_back([&, t] {
      const auto payload = joined(requests[t].payload);
      for (std::size_t i = 0; i < rounds; ++i) {
        reply_box box;
        if (!nodes[t]->service.apply(requests[t].header, payload, box.handler())) continue;
        const auto replies = box.wait_for(1);
        if (replies.size() == 1 && holds(replies[0], expected[t], a.files->config().hidden))
          ++right[t];
      }
    });
  }
  callers.clear();
  for (const std::size_t r : right) CHECK(r == rounds);
}

TEST_CASE("past its bound a service refuses, and takes requests again once the stream has moved") {
  served_model m(2);
  generator random(13);
  random_rows rows(m.files->config(), 0, 8, random);
  const expert_request r = m.request(rows);
  const auto payload = joined(r.payload);
  // Holds the stream back.
  auto gate = std::make_shared<std::promise<void>>();
  m.dev->notify([open = gate->get_future().share()] { open.wait(); });
  reply_box box;
  CHECK(m.node->service.apply(r.header, payload, box.handler()).has_value());
  CHECK(m.node->service.apply(r.header, payload, box.handler()).has_value());
  const auto third = m.node->service.apply(r.header, payload, box.handler());
  REQUIRE_FALSE(third.has_value());
  CHECK(third.error().code() == errc::exhausted);
  const expert_reply refusal = refusal_of(r.header);
  CHECK((!refusal.header.accepted && refusal.header.step == 2 && refusal.header.shard == 1));
  gate->set_value();
  CHECK(box.wait_for(2).size() == 2);
  CHECK(m.node->service.apply(r.header, payload, box.handler()).has_value());
  CHECK(box.wait_for(3).size() == 3);
}

TEST_CASE("a service that ends leaves its work to the stream, and its answers still come") {
  served_model m;
  generator random(14);
  random_rows rows(m.files->config(), 0, 8, random);
  const std::vector<float> expected = rows.computed_by(m.every, *m.dev);
  const expert_request r = m.request(rows);
  auto gate = std::make_shared<std::promise<void>>();
  m.dev->notify([open = gate->get_future().share()] { open.wait(); });
  reply_box box;
  REQUIRE(m.node->service.apply(r.header, joined(r.payload), box.handler()).has_value());
  m.node.reset();
  gate->set_value();
  const auto replies = box.wait_for(1);
  REQUIRE(replies.size() == 1);
  CHECK(holds(replies[0], expected, m.files->config().hidden));
}

TEST_CASE("a hostile request is refused before anything is computed") {
  served_model m;
  generator random(15);
  random_rows rows(m.files->config(), 0, 8, random);
  const expert_request right = m.request(rows);
  const auto payload = joined(right.payload);
  reply_box box;
  const auto code = [&](auto&& change) {
    expert_rows_header h = right.header;
    change(h);
    const auto done = m.node->service.apply(h, payload, box.handler());
    return done ? errc{} : done.error().code();
  };
  using header = expert_rows_header;
  CHECK(code([](header& h) { h.layer = 4; }) == errc::not_found);
  CHECK(code([](header& h) { h.layer = ~0U; }) == errc::not_found);
  CHECK(code([](header& h) { h.ids[3] = 7; }) == errc::not_found);  // another shard's
  CHECK(code([](header& h) { h.ids[3] = 16; }) == errc::not_found);
  CHECK(code([](header& h) { h.ids[3] = -2; }) == errc::not_found);
  CHECK(code([](header& h) { h.top_k = 0; }) == errc::corrupt);
  CHECK(code([](header& h) { h.top_k = 5; }) == errc::corrupt);
  CHECK(code([](header& h) { h.ids.pop_back(); }) == errc::corrupt);
  CHECK(code([](header& h) { h.rows.clear(); }) == errc::corrupt);
  CHECK(code([](header& h) { h.rows.push_back(999); }) == errc::corrupt);
  CHECK(code([](header& h) { h.rows[1] = h.rows[0]; }) == errc::corrupt);
  CHECK(code([](header& h) { h.rows.back() = ~0U / 2; }) == errc::corrupt);
  CHECK(code([](header& h) { h.f32 = false; }) == errc::corrupt);
  CHECK(code([](header& h) { h.q8 = true; }) == errc::corrupt);
  const auto cut = m.node->service.apply(right.header, std::span(payload).first(64), box.handler());
  CHECK(cut.error().code() == errc::corrupt);
  header many = right.header;
  many.rows.resize(most_rows + 1);
  std::iota(many.rows.begin(), many.rows.end(), 0U);
  many.ids.assign(many.rows.size() * many.top_k, no_expert);
  const std::vector<std::byte> long_payload(many.rows.size() * 64 * sizeof(float));
  CHECK(m.node->service.apply(many, long_payload, box.handler()).error().code() == errc::corrupt);
  CHECK(box.wait_for(0).empty());
  CHECK(m.node->service.in_flight() == 0);
  // What is odd but harmless is answered: an expert twice, rows that want nothing.
  CHECK(code([](header& h) { h.ids.assign(h.ids.size(), 9); }) == errc{});
  CHECK(code([](header& h) { h.ids.assign(h.ids.size(), no_expert); }) == errc{});
  const auto replies = box.wait_for(2);
  REQUIRE(replies.size() == 2);
  CHECK(replies[0].header.slots.size() == right.header.ids.size());
  CHECK((replies[1].header.accepted && replies[1].header.slots.empty()));
  CHECK(replies[1].payload.empty());
}

}  // namespace troupe::test
