#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "kernels/reference/ops.hpp"
#include "tests/kernels/cuda/support.hpp"

namespace troupe::kernels::test {
namespace {

std::uint32_t width_for(dtype type, generator& random) {
  const std::uint32_t block = info(type).block_elements;
  return block == 1 ? pick(random, 1, 300) : block * pick(random, 1, block == 32 ? 9 : 2);
}

/// Whether products round weights of this type to BF16.
bool on_tensor_cores(dtype type) { return type != dtype::f32 && type != dtype::f16; }

}  // namespace

TEST_CASE("gpu: linear agrees with the reference for every type, alone as in a batch") {
  generator random(151);
  for (const dtype type : weight_types()) {
    for (int round = 0; round < 4; ++round) {
      const std::uint32_t cols = width_for(type, random);
      const std::uint32_t columns = pick(random, 1, 200);
      const std::uint32_t rows = round == 3 ? 70 : pick(random, 1, 20);
      CAPTURE(info(type).name);
      CAPTURE(cols);
      CAPTURE(columns);
      CAPTURE(rows);
      const owned_matrix w(type, columns, cols, random);
      const rounded_matrix exact(w.view());
      std::vector<float> x = random_floats(std::size_t{rows} * cols, random);
      if (on_tensor_cores(type)) x = rounded(x);
      const std::vector<float> bias = random_floats(columns, random);
      const std::uint32_t stride = columns + 3;
      const std::vector<float> before = random_floats(std::size_t{rows} * stride, random);
      std::vector<float> expected = before;
      linear_params p{{x.data(), nullptr, cols},
                      on_tensor_cores(type) ? exact.view() : w.view(),
                      bias.data(),
                      expected.data(),
                      expected.data(),
                      rows,
                      stride};
      reference::linear(p);
      const auto product = [&](std::uint32_t first, std::uint32_t count) {
        std::vector<float> y(before.begin() + std::size_t{first} * stride,
                             before.begin() + std::size_t{first + count} * stride);
        cuda::emulated_stream s(first + 1);
        REQUIRE(gpu_backend().linear(s, {{x.data() + std::size_t{first} * cols, nullptr, cols},
                                         w.view(),
                                         bias.data(),
                                         y.data(),
                                         y.data(),
                                         count,
                                         stride}) == status::ok);
        return y;
      };
      const std::vector<float> y = product(0, rows);
      CHECK(largest_error(y, expected, typical(expected)) < 1e-5);
      CHECK(same_bits(y, rows_alone(rows, product)));
    }
  }
}

TEST_CASE("gpu: projections stand side by side, and packed weights give the same bits") {
  generator random(152);
  for (const dtype type : {dtype::bf16, dtype::f8_e4m3, dtype::q4_k}) {
    const owned_matrix q(type, 96, 256, random);
    const owned_matrix v(type, 130, 256, random);
    const std::vector<float> x = random_floats(5 * 256, random);
    projections_params p;
    p.x = {const_cast<float*>(x.data()), nullptr, 256};
    p.w[0] = q.view();
    p.w[2] = v.view();
    p.rows = 5;
    p.y_stride = 226;
    const auto run = [&] {
      std::vector<float> y(5 * 226);
      p.y = y.data();
      cuda::emulated_stream s;
      REQUIRE(gpu_backend().projections(s, p) == status::ok);
      return y;
    };
    const std::vector<float> plain = run();
    std::vector<std::vector<std::byte>> packed;
    for (matrix& w : p.w) {
      if (!w) continue;
      packed.emplace_back(gpu_backend().packed_bytes(w));
      cuda::emulated_stream s;
      REQUIRE(gpu_backend().pack(s, {w, packed.back().data()}) == status::ok);
      w.data = packed.back().data();
      w.scales = nullptr;
      w.layout = weight_layout::tiles;
      CHECK(gpu_backend().packed_bytes(w) == 0);
    }
    CHECK(same_bits(run(), plain));
    std::vector<float> second(5 * 130);
    cuda::emulated_stream s;
    REQUIRE(gpu_backend().linear(s, {p.x, v.view(), nullptr, nullptr, second.data(), 5, 130}) ==
            status::ok);
    for (std::uint32_t r = 0; r < 5; ++r)
      for (std::uint32_t i = 0; i < 130; ++i) CHECK(plain[r * 226 + 96 + i] == second[r * 130 + i]);
  }
}

TEST_CASE("gpu: grouped experts agree with the reference: BF16, FP8 and 4-bit weights") {
  generator random(153);
  for (const dtype type : {dtype::bf16, dtype::f8_e4m3, dtype::q4_0, dtype::q4_1, dtype::q4_k,
                           dtype::q8_0, dtype::q6_k}) {
    const bool wide = info(type).block_elements == 256;
    const std::uint32_t hidden = wide ? 256 : 160;
    const std::uint32_t inner = wide ? 256 : 96;
    for (const std::uint32_t rows : {1U, 13U, 90U}) {
      if (rows == 90 && type != dtype::bf16 && type != dtype::f8_e4m3) continue;
      CAPTURE(info(type).name);
      CAPTURE(rows);
      const std::uint32_t top_k = 2;
      const gpu_experts l(type, 3, hidden, inner, random);
      std::vector<std::int32_t> ids(std::size_t{rows} * top_k);
      for (std::int32_t& id : ids) id = static_cast<std::int32_t>(pick(random, 0, 4));
      std::vector<std::uint32_t> offsets(4);
      std::vector<std::uint32_t> slots(ids.size());
      reference::group({ids.data(), offsets.data(), slots.data(), rows, top_k, 1, 3});
      std::vector<float> x = rounded(random_floats(std::size_t{rows} * hidden, random));
      std::vector<float> expected(ids.size() * inner);
      std::vector<float> hidden_rows(expected.size());
      expert_up_params up{l.rounded_weights.data(),
                          offsets.data(),
                          slots.data(),
                          {x.data(), nullptr, hidden},
                          {expected.data(), nullptr, inner},
                          3,
                          rows,
                          top_k};
      reference::expert_up(up);
      up.experts = l.weights.data();
      up.hidden.f32 = hidden_rows.data();
      cuda::emulated_stream s(rows);
      REQUIRE(gpu_backend().expert_up(s, up) == status::ok);
      CHECK(largest_error(hidden_rows, expected, typical(expected)) < 1e-5);
      hidden_rows = rounded(hidden_rows);
      std::vector<float> expected_out(ids.size() * hidden);
      std::vector<float> out(expected_out.size());
      expert_down_params down{l.rounded_weights.data(),
                              offsets.data(),
                              slots.data(),
                              {hidden_rows.data(), nullptr, inner},
                              expected_out.data(),
                              3,
                              rows,
                              top_k};
      reference::expert_down(down);
      down.experts = l.weights.data();
      down.out = out.data();
      REQUIRE(gpu_backend().expert_down(s, down) == status::ok);
      CHECK(largest_error(out, expected_out, typical(expected_out)) < 1e-5);
    }
  }
}

TEST_CASE("gpu: products read weights and rows from any address, to the same bits") {
  for (const dtype type : weight_types()) {
    CAPTURE(info(type).name);
    const bool bytes = type == dtype::f8_e4m3;
    const std::uint32_t cols = info(type).block_elements == 1 ? 328 : 512;
    constexpr std::uint32_t columns = 70;
    constexpr std::uint32_t rows = 18;
    const auto product = [&](std::size_t offset, std::uint32_t floats) {
      generator random(155);
      const owned_matrix w(type, columns, cols, random, offset);
      std::vector<float> x(floats);
      const std::vector<float> drawn = random_floats(std::size_t{rows} * cols, random);
      x.insert(x.end(), drawn.begin(), drawn.end());
      std::vector<float> y(std::size_t{rows} * columns);
      cuda::emulated_stream s;
      REQUIRE(gpu_backend().linear(s, {{x.data() + floats, nullptr, cols},
                                       w.view(),
                                       nullptr,
                                       nullptr,
                                       y.data(),
                                       rows,
                                       columns}) == status::ok);
      return y;
    };
    const std::vector<float> y = product(0, 0);
    const std::size_t smallest = type == dtype::f32 ? 4 : bytes ? 1 : 2;
    CHECK(same_bits(product(smallest, 0), y));
    CHECK(same_bits(product(0, 1), y));
    CHECK(same_bits(product(smallest * 3, 3), y));
  }
}

TEST_CASE("gpu: an expert's gate and up may be of different types") {
  generator random(156);
  constexpr std::uint32_t hidden = 160;
  constexpr std::uint32_t inner = 96;
  const std::vector<std::uint32_t> offsets = {0, 5};
  const std::vector<std::uint32_t> slots = {0, 1, 2, 3, 4};
  const auto up_of = [&](const expert_weights* experts, std::vector<float>& x) {
    std::vector<float> out(slots.size() * inner);
    const expert_up_params p{experts,
                             offsets.data(),
                             slots.data(),
                             {x.data(), nullptr, hidden},
                             {out.data(), nullptr, inner},
                             1,
                             5,
                             1};
    return std::pair(p, std::move(out));
  };
  for (const auto& types :
       {std::pair(dtype::f8_e4m3, dtype::bf16), std::pair(dtype::q4_1, dtype::q8_0),
        std::pair(dtype::bf16, dtype::f8_e4m3)}) {
    const dtype gate = types.first;
    const dtype up = types.second;
    CAPTURE(info(gate).name);
    CAPTURE(info(up).name);
    const gpu_experts of_gate(gate, 1, hidden, inner, random);
    const gpu_experts of_up(up, 1, hidden, inner, random);
    expert_weights mixed = of_gate.weights[0];
    mixed.up = of_up.weights[0].up;
    expert_weights exact = of_gate.rounded_weights[0];
    exact.up = of_up.rounded_weights[0].up;
    std::vector<float> x = rounded(random_floats(5 * hidden, random));
    auto [wanted, expected] = up_of(&exact, x);
    wanted.hidden.f32 = expected.data();
    reference::expert_up(wanted);
    auto [asked, got] = up_of(&mixed, x);
    asked.hidden.f32 = got.data();
    cuda::emulated_stream s;
    REQUIRE(gpu_backend().expert_up(s, asked) == status::ok);
    CHECK(largest_error(got, expected, typical(expected)) < 1e-5);
  }
}

TEST_CASE("gpu: an expert's row has the same bits alone and in batches of any size") {
  generator random(154);
  const std::uint32_t hidden = 128;
  const std::uint32_t inner = 96;
  for (const dtype type : {dtype::bf16, dtype::f8_e4m3, dtype::q4_1}) {
    const gpu_experts l(type, 1, hidden, inner, random);
    std::vector<float> x = random_floats(70 * hidden, random);
    const auto run = [&](std::uint32_t first, std::uint32_t rows) {
      std::vector<std::uint32_t> slots(rows);
      std::iota(slots.begin(), slots.end(), 0U);
      const std::vector<std::uint32_t> offsets = {0, rows};
      std::vector<float> middle(std::size_t{rows} * inner);
      std::vector<float> out(std::size_t{rows} * hidden);
      cuda::emulated_stream s(rows);
      REQUIRE(gpu_backend().expert_up(s, {l.weights.data(),
                                          offsets.data(),
                                          slots.data(),
                                          {x.data() + std::size_t{first} * hidden, nullptr, hidden},
                                          {middle.data(), nullptr, inner},
                                          1,
                                          rows,
                                          1}) == status::ok);
      REQUIRE(gpu_backend().expert_down(s, {l.weights.data(),
                                            offsets.data(),
                                            slots.data(),
                                            {middle.data(), nullptr, inner},
                                            out.data(),
                                            1,
                                            rows,
                                            1}) == status::ok);
      return out;
    };
    const std::vector<float> alone = rows_alone(70, run);
    for (const std::uint32_t rows : {2U, 16U, 17U, 33U, 70U})
      CHECK(same_bits(run(0, rows), {alone.begin(), alone.begin() + rows * hidden}));
  }
}

}  // namespace troupe::kernels::test
