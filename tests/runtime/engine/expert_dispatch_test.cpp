#include "runtime/engine/expert_dispatch.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <future>
#include <span>
#include <utility>

#include "tests/runtime/engine/exchange_support.hpp"
#include "tests/runtime/engine/staging_device.hpp"

namespace troupe::test {
namespace {

constexpr activation_needs floats{true, false};

model_config tiny_config() {
  model_config c;
  c.layers = 1;
  c.hidden = 32;
  c.experts = 8;
  c.top_k = 2;
  c.sparse = {true};
  return c;
}

std::vector<expert_holder> even_holders() {
  return {{0, 0, 2, false, floats},
          {1, 2, 2, true, floats},
          {2, 4, 3, true, floats},
          {1, 7, 1, true, floats}};
}

/// A right answer, every value of which is its slot's number.
expert_reply right_answer(const expert_dispatch& dispatch, std::uint32_t shard) {
  const auto asked = dispatch.request(shard, 0);
  REQUIRE(asked.has_value());
  expert_reply out = refusal_of(asked->header);
  out.header.accepted = true;
  for (std::uint32_t i = 0; i < asked->header.ids.size(); ++i)
    if (asked->header.ids[i] >= 0)
      out.header.slots.push_back(asked->header.rows[i / 2] * 2 + i % 2);
  auto values = std::make_shared<std::vector<float>>();
  for (const std::uint32_t slot : out.header.slots)
    values->insert(values->end(), 32, static_cast<float>(slot));
  out.payload.push_back({std::as_bytes(std::span(*values)), values});
  return out;
}

/// A layer in flight: 20 rows over a local shard and two remote ones, the second in two ranges.
struct asked_layer {
  asked_layer() : rows(tiny_config(), 0, 20, random), dispatch(dev, 32, floats, {32, 2}) {
    REQUIRE(dispatch.begin(at, rows.call(), even_holders()).has_value());
  }

  expert_reply answer(std::uint32_t shard) { return right_answer(dispatch, shard); }

  cpu_device dev{{.threads = 1, .pin = false}};
  generator random{5};
  layer_step at{7, 9, 0};
  random_rows rows;
  expert_dispatch dispatch;
};

}  // namespace

TEST_CASE("each row goes once to every remote shard that it chose, with that shard's ids only") {
  asked_layer a;
  const std::vector<expert_holder> holders = even_holders();
  const auto shard_of = [&](std::int32_t id) {
    for (const expert_holder& h : holders)
      if (static_cast<std::uint32_t>(id) - h.first < h.count) return h.shard;
    return ~0U;
  };
  std::size_t slots = 0;
  for (const auto& asked : a.dispatch.asked()) {
    CHECK(asked.shard != 0);
    const auto m = a.dispatch.request(asked.shard, 4);
    REQUIRE(m.has_value());
    const expert_rows_header& h = m->header;
    CHECK((h.epoch == 7 && h.step == 9 && h.layer == 0 && h.attempt == 4 && h.top_k == 2));
    CHECK((h.f32 && !h.q8));
    CHECK(h.rows.size() == asked.rows);
    const std::vector<std::byte> payload = joined(m->payload);
    REQUIRE(payload.size() == h.rows.size() * 32 * sizeof(float));
    std::size_t at = 0;
    for (std::uint32_t row = 0; row < a.rows.rows; ++row) {
      std::vector<std::int32_t> wanted;
      for (std::uint32_t rank = 0; rank < 2; ++rank) {
        const std::int32_t id = a.rows.ids[row * 2 + rank];
        wanted.push_back(shard_of(id) == asked.shard ? id : no_expert);
      }
      if (wanted == std::vector{no_expert, no_expert}) continue;
      REQUIRE(at < h.rows.size());
      CHECK(h.rows[at] == row);
      CHECK(std::vector(h.ids.begin() + static_cast<long>(at) * 2,
                        h.ids.begin() + static_cast<long>(at) * 2 + 2) == wanted);
      std::vector<float> travelled(32);
      std::memcpy(travelled.data(), payload.data() + at * 32 * sizeof(float), 32 * sizeof(float));
      CHECK(same_bits(travelled, {a.rows.x.begin() + row * 32, a.rows.x.begin() + row * 32 + 32}));
      slots += static_cast<std::size_t>(2 - std::ranges::count(wanted, no_expert));
      ++at;
    }
    CHECK(at == h.rows.size());
  }
  std::size_t local = 0;
  for (const std::int32_t id : a.rows.ids) local += shard_of(id) == 0 ? 1 : 0;
  CHECK(slots + local == a.rows.ids.size());
}

TEST_CASE("a re-send holds the same rows, whatever became of the stream's own since") {
  asked_layer a;
  const auto before = joined(a.dispatch.request(1, 0)->payload);
  std::ranges::fill(a.rows.x, 0.0F);
  CHECK(joined(a.dispatch.request(1, 1)->payload) == before);
}

TEST_CASE("outputs land in their slots and nowhere else; a layer is complete with the last shard") {
  asked_layer a;
  const std::vector<float> untouched = a.rows.outputs;
  std::vector<std::uint32_t> written;
  for (const std::uint32_t shard : {2U, 1U}) {
    CHECK_FALSE(a.dispatch.complete());
    const expert_reply r = a.answer(shard);
    CHECK(a.dispatch.take(r.header, joined(r.payload)) == outputs_verdict::taken);
    written.insert(written.end(), r.header.slots.begin(), r.header.slots.end());
    CHECK_FALSE(a.dispatch.request(shard, 1).has_value());
  }
  CHECK(a.dispatch.complete());
  for (std::uint32_t slot = 0; slot < a.rows.ids.size(); ++slot) {
    std::vector<float> expected(32, static_cast<float>(slot));
    if (std::ranges::find(written, slot) == written.end())
      expected.assign(untouched.begin() + slot * 32, untouched.begin() + slot * 32 + 32);
    const std::vector<float> got(a.rows.outputs.begin() + slot * 32,
                                 a.rows.outputs.begin() + slot * 32 + 32);
    CHECK(same_bits(got, expected));
  }
}

TEST_CASE("answers that are late, refused or wrong change nothing") {
  asked_layer a;
  const std::vector<float> untouched = a.rows.outputs;
  const expert_reply right = a.answer(1);
  const auto payload = joined(right.payload);
  const auto took = [&](auto&& change) {
    expert_outputs_header h = right.header;
    change(h);
    return a.dispatch.take(h, payload);
  };
  using header = expert_outputs_header;
  CHECK(took([](header& h) { --h.epoch; }) == outputs_verdict::late);
  CHECK(took([](header& h) { ++h.step; }) == outputs_verdict::late);
  CHECK(took([](header& h) { ++h.layer; }) == outputs_verdict::late);
  CHECK(took([](header& h) { h.accepted = false; }) == outputs_verdict::refused);
  for (const auto& wrong :
       {took([](header& h) { h.shard = 0; }), took([](header& h) { h.shard = 77; }),
        took([](header& h) { h.slots.pop_back(); }), took([](header& h) { h.slots.clear(); }),
        took([](header& h) { ++h.slots.back(); }), took([](header& h) { h.slots[0] = ~0U; }),
        a.dispatch.take(right.header, std::span(payload).first(payload.size() - 1)),
        a.dispatch.take(right.header, {})}) {
    REQUIRE_FALSE(wrong.has_value());
    CHECK(wrong.error().code() == errc::corrupt);
  }
  CHECK(same_bits(a.rows.outputs, untouched));

  CHECK(a.dispatch.take(right.header, payload) == outputs_verdict::taken);
  a.rows.spoil();
  CHECK(a.dispatch.take(right.header, payload) == outputs_verdict::late);
  a.dispatch.abandon();
  CHECK(a.dispatch.take(right.header, payload) == outputs_verdict::late);
  CHECK(same_bits(a.rows.outputs, untouched));
}

TEST_CASE("a routing that nobody can serve is an error, not a slot without an output") {
  asked_layer a;
  const auto begun = [&](std::vector<expert_holder> holders) {
    const auto r = a.dispatch.begin(a.at, a.rows.call(), holders);
    CHECK(a.dispatch.asked().empty() == !r.has_value());
    return r ? errc{} : r.error().code();
  };
  CHECK(begun(even_holders()) == errc{});
  std::vector<expert_holder> holders = even_holders();
  holders.pop_back();
  CHECK(begun(holders) == errc::internal);
  CHECK(begun({}) == errc::internal);
  holders = even_holders();
  holders[2].first = 3;
  CHECK(begun(holders) == errc::invalid_argument);
  holders[2] = {2, ~0U - 1, 9, true, floats};
  CHECK(begun(holders) == errc::invalid_argument);
  holders = even_holders();
  holders[1].takes.q8 = true;
  CHECK(begun(holders) == errc::internal);
  a.rows.ids[5] = -3;
  CHECK(begun(even_holders()) == errc::internal);
  random_rows many(tiny_config(), 0, 33, a.random);
  CHECK(a.dispatch.begin(a.at, many.call(), even_holders()).error().code() == errc::out_of_range);
}

TEST_CASE("a device with memory of its own has copied the rows before they are read") {
  staging_device dev({.threads = 1, .pin = false});
  expert_dispatch dispatch(dev, 32, floats, {32, 2, 2});
  generator random(6);
  random_rows rows(tiny_config(), 0, 20, random);
  const layer_step at{7, 9, 0};
  const auto code = [](const result<void>& r) { return r ? errc{} : r.error().code(); };
  CHECK(code(dispatch.begin(at, rows.call(), even_holders())) == errc::internal);
  REQUIRE(dispatch.stage({7, 8, 0}, rows.call(), even_holders()).has_value());
  pass(dev);
  CHECK(code(dispatch.begin(at, rows.call(), even_holders())) == errc::internal);
  // Behind the notification, which nothing but the copies is in front of, rows may change.
  auto gate = std::make_shared<std::promise<void>>();
  REQUIRE(dispatch.stage(at, rows.call(), even_holders()).has_value());
  pass(dev);
  const std::vector<float> x = std::exchange(rows.x, std::vector<float>(rows.x.size()));
  REQUIRE(dispatch.begin(at, rows.call(), even_holders()).has_value());
  const auto m = dispatch.request(2, 0);
  REQUIRE(m.has_value());
  const std::vector<std::byte> payload = joined(m->payload);
  const auto bytes = std::as_bytes(std::span(x));
  for (std::size_t i = 0; i < m->header.rows.size(); ++i)
    CHECK(std::ranges::equal(std::span(payload).subspan(i * 128, 128),
                             bytes.subspan(std::size_t{m->header.rows[i]} * 128, 128)));
  // Outputs are there for what the stream does later, though it does nothing now.
  dev.notify([open = gate->get_future().share()] { open.wait(); });
  const std::vector<float> untouched = rows.outputs;
  for (const auto& asked : dispatch.asked()) {
    const expert_reply r = right_answer(dispatch, asked.shard);
    CHECK(dispatch.take(r.header, joined(r.payload)) == outputs_verdict::taken);
  }
  CHECK(dispatch.complete());
  CHECK(same_bits(rows.outputs, untouched));
  std::vector<float> sum(rows.outputs.size());
  REQUIRE(dev.kernels().copy(dev.stream(), {sum.data(), rows.outputs.data(), sum.size() * 4}) ==
          kernels::status::ok);
  gate->set_value();
  pass(dev);
  std::size_t there = 0;
  for (std::size_t slot = 0; slot < rows.ids.size(); ++slot)
    there += sum[slot * 32] == static_cast<float>(slot) ? 1 : 0;
  std::size_t here = 0;
  for (const std::int32_t id : rows.ids) here += id < 2 ? 1 : 0;
  CHECK(there + here == rows.ids.size());
  CHECK(dispatch.stage(at, random_rows(tiny_config(), 0, 33, random).call(), even_holders())
            .error()
            .code() == errc::out_of_range);
}

TEST_CASE("a layer whose experts are all here is complete at once") {
  asked_layer a;
  const std::vector<expert_holder> here = {{0, 0, 8, false, floats}};
  REQUIRE(a.dispatch.begin(a.at, a.rows.call(), here).has_value());
  CHECK(a.dispatch.complete());
  CHECK(a.dispatch.asked().empty());
}

TEST_CASE("buffers come back to their pool, and outlive it") {
  cpu_device dev{{.threads = 1, .pin = false}};
  std::shared_ptr<device_buffer> kept;
  {
    buffer_pool pool(dev, 4096, 1);
    std::byte* const first = pool.take().value()->data();
    CHECK(pool.take().value()->data() == first);
    kept = pool.take().value();
    CHECK(kept->data() == first);
    CHECK(pool.take().value()->data() != first);
  }
  std::memset(kept->data(), 1, kept->bytes());
}

}  // namespace troupe::test
