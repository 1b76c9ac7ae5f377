#include "tests/support/gguf_models.hpp"

#include <array>
#include <random>
#include <string>
#include <utility>

namespace troupe::test {
namespace {

constexpr std::uint64_t experts = 4;
constexpr std::uint64_t vocab = 40;
constexpr std::uint32_t layers = 2;

/// Adds tensors of small random values.
class random_tensors {
 public:
  random_tensors(gguf_writer& out, bool q8_0) : out_(out), q8_0_(q8_0) {}

  void add(const std::string& name, std::vector<std::uint64_t> shape) {
    std::uint64_t count = 1;
    for (const std::uint64_t size : shape) count *= size;
    if (q8_0_ && shape.size() > 1) return add_q8_0(name, std::move(shape), count);
    std::vector<float> values(count);
    for (float& value : values)
      value = static_cast<float>(static_cast<double>(random_()) / 4294967296.0 - 0.5) * 0.2F;
    out_.f32_tensor(name, std::move(shape), values);
  }

 private:
  /// Blocks of 32 signed bytes behind a scale of 1/128 as float16.
  void add_q8_0(const std::string& name, std::vector<std::uint64_t> shape, std::uint64_t count) {
    constexpr std::uint32_t type = 8;
    std::string blocks;
    for (std::uint64_t i = 0; i < count; ++i) {
      if (i % 32 == 0) blocks.append({'\x00', '\x20'});
      blocks.push_back(static_cast<char>(static_cast<int>(random_() % 25) - 12));
    }
    out_.tensor(name, std::move(shape), type, std::move(blocks));
  }

  gguf_writer& out_;
  bool q8_0_;
  std::mt19937 random_{7};
};

void add_tokenizer(gguf_writer& out) {
  std::vector<std::string> tokens = {"<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>"};
  std::vector<std::int32_t> types = {3, 3, 3, 4};
  for (char letter = 'a'; letter <= 'z'; ++letter) tokens.emplace_back(1, letter);
  for (const char* merged : {"th", "the", "in", "an", "\u0120t", "\u0120"})
    tokens.emplace_back(merged);
  while (tokens.size() < vocab) tokens.push_back("x" + std::to_string(tokens.size()));
  types.resize(vocab, 1);
  const std::array<std::string, 4> merges = {"t h", "th e", "i n", "a n"};
  out.text("tokenizer.ggml.model", "gpt2")
      .text("tokenizer.ggml.pre", "smollm")
      .texts("tokenizer.ggml.tokens", tokens)
      .i32s("tokenizer.ggml.token_type", types)
      .texts("tokenizer.ggml.merges", merges)
      .u32("tokenizer.ggml.bos_token_id", 1)
      .u32("tokenizer.ggml.eos_token_id", 2)
      .flag("tokenizer.ggml.add_bos_token", false)
      .text("tokenizer.chat_template", "{{ messages[0].content }}");
}

void add_config(gguf_writer& out, const std::string& arch, const tiny_shape& shape) {
  out.text("general.architecture", arch)
      .u32(arch + ".block_count", layers)
      .u32(arch + ".context_length", 256)
      .u32(arch + ".embedding_length", static_cast<std::uint32_t>(shape.hidden))
      .u32(arch + ".attention.head_count", static_cast<std::uint32_t>(shape.heads))
      .u32(arch + ".attention.head_count_kv", static_cast<std::uint32_t>(shape.kv_heads))
      .u32(arch + ".attention.key_length", static_cast<std::uint32_t>(shape.head))
      .u32(arch + ".attention.value_length", static_cast<std::uint32_t>(shape.head))
      .f32(arch + ".rope.freq_base", 10000.0F)
      .f32(arch + ".attention.layer_norm_rms_epsilon", 1e-5F);
}

void add_attention(random_tensors& tensors, const std::string& layer, const tiny_shape& shape) {
  tensors.add(layer + "attn_norm.weight", {shape.hidden});
  tensors.add(layer + "attn_q.weight", {shape.heads * shape.head, shape.hidden});
  tensors.add(layer + "attn_k.weight", {shape.kv_heads * shape.head, shape.hidden});
  tensors.add(layer + "attn_v.weight", {shape.kv_heads * shape.head, shape.hidden});
  tensors.add(layer + "attn_output.weight", {shape.hidden, shape.heads * shape.head});
  tensors.add(layer + "ffn_norm.weight", {shape.hidden});
}

}  // namespace

gguf_writer tiny_llama_gguf(const tiny_shape& shape) {
  gguf_writer out;
  add_config(out, "llama", shape);
  out.u32("llama.feed_forward_length", static_cast<std::uint32_t>(shape.ffn));
  add_tokenizer(out);
  random_tensors tensors(out, shape.q8_0);
  tensors.add("token_embd.weight", {vocab, shape.hidden});
  tensors.add("output_norm.weight", {shape.hidden});
  for (std::uint32_t i = 0; i < layers; ++i) {
    const std::string layer = "blk." + std::to_string(i) + ".";
    add_attention(tensors, layer, shape);
    tensors.add(layer + "ffn_gate.weight", {shape.ffn, shape.hidden});
    tensors.add(layer + "ffn_up.weight", {shape.ffn, shape.hidden});
    tensors.add(layer + "ffn_down.weight", {shape.hidden, shape.ffn});
  }
  return out;
}

gguf_writer tiny_qwen3moe_gguf(const tiny_shape& shape) {
  gguf_writer out;
  add_config(out, "qwen3moe", shape);
  out.u32("qwen3moe.expert_count", experts)
      .u32("qwen3moe.expert_used_count", 2)
      .u32("qwen3moe.expert_feed_forward_length", static_cast<std::uint32_t>(shape.expert_ffn));
  add_tokenizer(out);
  out.without_key("tokenizer.ggml.pre").text("tokenizer.ggml.pre", "qwen2");
  random_tensors tensors(out, shape.q8_0);
  tensors.add("token_embd.weight", {vocab, shape.hidden});
  tensors.add("output_norm.weight", {shape.hidden});
  tensors.add("output.weight", {vocab, shape.hidden});
  for (std::uint32_t i = 0; i < layers; ++i) {
    const std::string layer = "blk." + std::to_string(i) + ".";
    add_attention(tensors, layer, shape);
    tensors.add(layer + "attn_q_norm.weight", {shape.head});
    tensors.add(layer + "attn_k_norm.weight", {shape.head});
    tensors.add(layer + "ffn_gate_inp.weight", {experts, shape.hidden});
    tensors.add(layer + "ffn_gate_exps.weight", {experts, shape.expert_ffn, shape.hidden});
    tensors.add(layer + "ffn_up_exps.weight", {experts, shape.expert_ffn, shape.hidden});
    tensors.add(layer + "ffn_down_exps.weight", {experts, shape.hidden, shape.expert_ffn});
  }
  return out;
}

}  // namespace troupe::test
