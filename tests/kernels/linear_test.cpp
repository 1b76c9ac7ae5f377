#include <doctest/doctest.h>

#include <vector>

#include "kernels/reference/ops.hpp"
#include "tests/kernels/support.hpp"

namespace troupe::kernels::test {
namespace {

struct shape {
  std::uint32_t rows;
  std::uint32_t outputs;
  std::uint32_t inputs;
};

shape random_shape(dtype type, generator& random) {
  const std::uint32_t block = info(type).block_elements;
  const std::uint32_t inputs =
      block > 1 ? block * pick(random, 1, block == 256 ? 4 : 21) : pick(random, 1, 700);
  return {pick(random, 1, 70), pick(random, 1, 140), inputs};
}

std::vector<float> run(const linear_params& p, std::uint32_t threads, std::uint32_t seed,
                       const std::vector<float>& before) {
  std::vector<float> y = before;
  linear_params q = p;
  q.y = y.data();
  shuffled_stream s(threads, seed);
  REQUIRE(cpu_backend().linear(s, q) == status::ok);
  return y;
}

}  // namespace

TEST_CASE("linear agrees with the reference for every type, shape and instruction set") {
  generator random(11);
  for (const dtype type : weight_types()) {
    for (int round = 0; round < 6; ++round) {
      const shape n = random_shape(type, random);
      const bool q8 = is_integer_quantised(type) && round % 2 == 0;
      const owned_matrix w(type, n.outputs, n.inputs, random, 2 * pick(random, 0, 3));
      owned_activation x = owned_activation::random(n.rows, n.inputs, q8, random);
      const std::vector<float> bias = random_floats(n.outputs, random);
      const std::uint32_t stride = n.outputs + pick(random, 0, 5);
      const std::vector<float> before = random_floats(std::size_t{n.rows} * stride, random);
      std::vector<float> expected = before;
      linear_params p{x.view(), w.view(), nullptr, nullptr, expected.data(), n.rows, stride};
      if (round % 3 != 0) p.bias = bias.data();
      if (round % 3 != 1) p.residual = before.data();
      reference::linear(p);
      each_target([&](const std::string& target) {
        CAPTURE(target);
        CAPTURE(info(type).name);
        CAPTURE(n.rows);
        CAPTURE(n.outputs);
        CAPTURE(n.inputs);
        CAPTURE(q8);
        const std::vector<float> y = run(p, 1 + round % 3, 1, before);
        CHECK(largest_error(y, expected, typical(expected)) < 3e-6);
      });
    }
  }
}

TEST_CASE("linear may add its result to its own input") {
  generator random(12);
  const owned_matrix w(dtype::q4_1, 48, 64, random);
  owned_activation x = owned_activation::random(3, 64, true, random);
  const std::vector<float> start = random_floats(3 * 48, random);
  std::vector<float> apart(start.size());
  std::vector<float> within = start;
  shuffled_stream s(2);
  REQUIRE(cpu_backend().linear(
              s, {x.view(), w.view(), nullptr, start.data(), apart.data(), 3, 48}) == status::ok);
  REQUIRE(cpu_backend().linear(
              s, {x.view(), w.view(), nullptr, within.data(), within.data(), 3, 48}) == status::ok);
  CHECK(same_bits(apart, within));
}

TEST_CASE("a row of linear has the same bits alone, in any batch and on any number of threads") {
  generator random(13);
  for (const dtype type : weight_types()) {
    for (const bool q8 : {false, true}) {
      if (q8 && !is_integer_quantised(type)) continue;
      const std::uint32_t cols = info(type).block_elements == 256 ? 512 : 224;
      const std::uint32_t outputs = 83;
      const owned_matrix w(type, outputs, cols, random);
      owned_activation x = owned_activation::random(64, cols, q8, random);
      each_target([&](const std::string& target) {
        CAPTURE(target);
        CAPTURE(info(type).name);
        CAPTURE(q8);
        std::vector<float> alone;
        const std::vector<float> one(outputs);
        for (std::uint32_t r = 0; r < 64; ++r) {
          const std::vector<float> y =
              run({x.view_from(r), w.view(), nullptr, nullptr, nullptr, 1, outputs}, 1, 1, one);
          alone.insert(alone.end(), y.begin(), y.end());
        }
        for (std::uint32_t rows = 2; rows <= 64; rows += rows < 20 ? 1 : 11) {
          const std::vector<float> room(std::size_t{rows} * outputs);
          const std::vector<float> first(alone.begin(),
                                         alone.begin() + static_cast<long>(room.size()));
          const linear_params p{x.view(), w.view(), nullptr, nullptr, nullptr, rows, outputs};
          CHECK(same_bits(run(p, 1 + rows % 4, rows, room), first));
        }
      });
    }
  }
}

TEST_CASE("wide rows, for which tiles may not fit in scratch, give the same bits") {
  generator random(14);
  for (const dtype type : {dtype::q4_0, dtype::f8_e4m3, dtype::q6_k}) {
    const std::uint32_t cols = 49152;
    const owned_matrix w(type, 17, cols, random);
    owned_activation x = owned_activation::random(9, cols, is_integer_quantised(type), random);
    const std::vector<float> one(17);
    const std::vector<float> nine(9 * 17);
    const std::vector<float> y =
        run({x.view(), w.view(), nullptr, nullptr, nullptr, 9, 17}, 1, 1, nine);
    for (std::uint32_t r = 0; r < 9; ++r) {
      const std::vector<float> alone =
          run({x.view_from(r), w.view(), nullptr, nullptr, nullptr, 1, 17}, 1, 1, one);
      CHECK(same_bits(alone, {y.begin() + r * 17, y.begin() + r * 17 + 17}));
    }
  }
}

TEST_CASE("a packed matrix gives the bits of the one in the file, for every type and target") {
  generator random(15);
  for (const dtype type : weight_types()) {
    if (!is_integer_quantised(type)) {
      const owned_matrix w(type, 16, 64, random);
      CHECK(cpu_backend().packed_bytes(w.view()) == 0);
      continue;
    }
    for (int round = 0; round < 4; ++round) {
      const shape n = random_shape(type, random);
      const owned_matrix w(type, n.outputs, n.inputs, random, 2 * pick(random, 0, 3));
      owned_activation x = owned_activation::random(n.rows, n.inputs, true, random);
      each_target([&](const std::string& target) {
        CAPTURE(target);
        CAPTURE(info(type).name);
        CAPTURE(n.outputs);
        CAPTURE(n.inputs);
        const packed_matrix packed(w.view());
        const std::vector<float> before(std::size_t{n.rows} * n.outputs);
        const auto product = [&](const matrix& m, std::uint32_t threads) {
          return run({x.view(), m, nullptr, nullptr, nullptr, n.rows, n.outputs}, threads, 3,
                     before);
        };
        CHECK(same_bits(product(packed.view(), 2), product(w.view(), 1)));
      });
    }
  }
}

TEST_CASE("packing a matrix takes at most a tenth more than the file, but for padding") {
  generator random(16);
  for (const dtype type : weight_types()) {
    if (!is_integer_quantised(type)) continue;
    const owned_matrix w(type, 64, 512, random);
    CHECK(static_cast<double>(cpu_backend().packed_bytes(w.view())) <=
          1.1 * static_cast<double>(w.view().bytes()));
  }
}

TEST_CASE("a packed matrix is refused where only file order can be read") {
  generator random(17);
  const owned_matrix w(dtype::q4_1, 16, 32, random);
  const packed_matrix packed(w.view());
  owned_activation x = owned_activation::random(1, 32, false, random);
  std::vector<float> y(32);
  const std::int32_t id = 0;
  shuffled_stream s;
  CHECK(cpu_backend().linear(s, {x.view(), packed.view(), nullptr, nullptr, y.data(), 1, 16}) ==
        status::invalid_shape);
  CHECK(cpu_backend().embed(s, {packed.view(), &id, y.data(), 1}) == status::invalid_shape);
  CHECK(cpu_backend().packed_bytes(packed.view()) == 0);
}

TEST_CASE("projections write the same bits as one product after another") {
  generator random(18);
  for (const dtype type : {dtype::q4_1, dtype::f16}) {
    const bool q8 = is_integer_quantised(type);
    const owned_matrix query(type, 52, 96, random);
    const owned_matrix key(type, 16, 96, random);
    const owned_matrix value(dtype::f16, 7, 96, random);
    owned_activation x = owned_activation::random(11, 96, q8, random);
    const std::vector<float> bias = random_floats(52, random);
    constexpr std::uint32_t stride = 80;
    each_target([&](const std::string& target) {
      CAPTURE(target);
      std::vector<float> together(11 * stride);
      std::vector<float> apart(11 * stride);
      shuffled_stream s(3, 5);
      projections_params p;
      p.x = x.view();
      p.w[0] = query.view();
      p.w[1] = key.view();
      p.w[2] = value.view();
      p.bias[0] = bias.data();
      p.y = together.data();
      p.rows = 11;
      p.y_stride = stride;
      REQUIRE(cpu_backend().projections(s, p) == status::ok);
      const auto one = [&](const owned_matrix& w, const float* b, std::size_t column) {
        REQUIRE(cpu_backend().linear(s, {x.view(), w.view(), b, nullptr, apart.data() + column, 11,
                                         stride}) == status::ok);
      };
      one(query, bias.data(), 0);
      one(key, nullptr, 52);
      one(value, nullptr, 68);
      CHECK(same_bits(together, apart));
    });
  }
}

}  // namespace troupe::kernels::test
