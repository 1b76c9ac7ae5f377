#include <doctest/doctest.h>

#include <array>
#include <string>
#include <vector>

#include "runtime/model/model_files.hpp"
#include "tests/support/gguf_models.hpp"
#include "tests/support/paths.hpp"

namespace troupe {
namespace {

using test::gguf_writer;

/// Writes a model and opens it.
class written {
 public:
  explicit written(const gguf_writer& writer) {
    writer.write(path());
    opened_ = model_files::open(path());
  }
  [[nodiscard]] std::filesystem::path path() const { return folder_.path() / "tiny.Q8.gguf"; }
  [[nodiscard]] std::string refusal() const {
    return opened_ ? "" : opened_.error().message().substr(path().string().size() + 2);
  }
  [[nodiscard]] const model_files& model() const {
    REQUIRE_MESSAGE(opened_, (opened_ ? "" : opened_.error().message()));
    return **opened_;
  }

 private:
  test::temporary_directory folder_;
  result<std::unique_ptr<model_files>> opened_;
};

TEST_CASE("a dense layer's FFN is its expert 0") {
  const written file(test::tiny_llama_gguf());
  const kernels::matrix up = file.model().matrix(matrix_slot::expert_up, 1, 0);
  CHECK(up.rows == 64);
  CHECK(up.cols == 32);
  CHECK_FALSE(file.model().matrix(matrix_slot::expert_up, 1, 1));
  CHECK(file.model().name() == "tiny.Q8");
  CHECK(file.model().format() == "GGUF v3");
  CHECK(file.model().chat_template() == "{{ messages[0].content }}");
}

TEST_CASE("experts are slices of one tensor") {
  const written file(test::tiny_qwen3moe_gguf());
  const kernels::matrix first = file.model().matrix(matrix_slot::expert_down, 1, 0);
  const kernels::matrix last = file.model().matrix(matrix_slot::expert_down, 1, 3);
  CHECK(first.rows == 32);
  CHECK(first.bytes() == 32 * 32 * sizeof(float));
  CHECK(last.data == first.data + 3 * first.bytes());
  CHECK(file.model().matrix(matrix_slot::router, 1, 0).rows == 4);
}

TEST_CASE("biases of the attention are taken") {
  const std::array<float, 32> bias = {0.5F, 1.5F};
  const written file(test::tiny_llama_gguf().f32_tensor("blk.1.attn_q.bias", {32}, bias));
  CHECK(file.model().vector(vector_slot::query_bias, 1)[1] == 1.5F);
  CHECK(file.model().vector(vector_slot::query_bias, 0).empty());
}

TEST_CASE("norms in half precision become float32") {
  auto writer = test::tiny_llama_gguf().without_tensor("output_norm.weight");
  std::string halves;
  for (int i = 0; i < 32; ++i) halves += test::bytes_of<std::uint16_t>(i == 0 ? 0x3C00 : 0xC100);
  writer.tensor("output_norm.weight", {32}, 1, halves);
  const written file(writer);
  const auto norm = file.model().vector(vector_slot::final_norm, 0);
  CHECK(norm[0] == 1.0F);
  CHECK(norm[31] == -2.5F);
}

TEST_CASE("data that is not aligned in the file is read all the same") {
  auto writer = test::tiny_llama_gguf().alignment(1);
  writer.without_tensor("blk.0.attn_q.weight");
  // One odd byte of text moves everything behind it.
  for (const char* padding : {"", "x", "xx", "xxx"}) {
    auto shifted = writer;
    shifted.text("general.padding", padding);
    const std::vector<float> values(32 * 32, 0.25F);
    shifted.f32_tensor("blk.0.attn_q.weight", {32, 32}, values);
    const written file(shifted);
    const kernels::matrix query = file.model().matrix(matrix_slot::query, 0, 0);
    CHECK(reinterpret_cast<std::uintptr_t>(query.data) % sizeof(float) == 0);
    CHECK(reinterpret_cast<const float*>(query.data)[1023] == 0.25F);
  }
}

TEST_CASE("missing and misshapen weights are named") {
  CHECK(written(test::tiny_llama_gguf().without_tensor("blk.1.ffn_up.weight")).refusal() ==
        "tensor 'blk.1.ffn_up.weight' is missing");
  CHECK(written(test::tiny_llama_gguf().without_tensor("blk.0.ffn_norm.weight")).refusal() ==
        "tensor 'blk.0.ffn_norm.weight' is missing");
  CHECK(written(test::tiny_qwen3moe_gguf().without_tensor("blk.0.attn_k_norm.weight")).refusal() ==
        "tensor 'blk.0.attn_k_norm.weight' is missing");
  CHECK(written(test::tiny_llama_gguf().claim_shape("blk.0.attn_q.weight", {16, 64})).refusal() ==
        "tensor 'blk.0.attn_q.weight' has the shape [16, 64], must be [32, 32]");
  CHECK(written(test::tiny_llama_gguf().claim_shape("output_norm.weight", {1, 32})).refusal() ==
        "tensor 'output_norm.weight' has the shape [1, 32], must be [32]");
  CHECK(written(test::tiny_qwen3moe_gguf().claim_shape("blk.0.ffn_up_exps.weight", {2, 64, 32}))
            .refusal() ==
        "tensor 'blk.0.ffn_up_exps.weight' has the shape [2, 64, 32], must be [4, 32, 32]");
  CHECK(written(test::tiny_qwen3moe_gguf().claim_shape("blk.0.ffn_up_exps.weight", {128, 32}))
            .refusal() ==
        "tensor 'blk.0.ffn_up_exps.weight' has the shape [128, 32], must be [4, 32, 32]");
}

TEST_CASE("biases that would be left out are refused") {
  const std::array<float, 64> bias = {};
  CHECK(written(test::tiny_llama_gguf().f32_tensor("blk.0.ffn_up.bias", {64}, bias)).refusal() ==
        "tensor 'blk.0.ffn_up.bias' is a bias that troupe does not apply");
}

TEST_CASE("a split model is refused with what to do") {
  CHECK(written(test::tiny_llama_gguf().u32("split.count", 3)).refusal() ==
        "one of 3 GGUF files; join them first (gguf-split --merge)");
}

TEST_CASE("a tokenizer larger than the embedding is refused") {
  auto writer = test::tiny_llama_gguf();
  writer.claim_shape("token_embd.weight", {39, 32});
  CHECK(written(writer).refusal() == "the tokenizer has 40 tokens, the embedding 39 rows");
}

}  // namespace
}  // namespace troupe
