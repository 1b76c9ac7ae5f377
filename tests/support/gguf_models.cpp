#include "tests/support/gguf_models.hpp"

#include <array>
#include <random>
#include <string>

namespace troupe::test {
namespace {

constexpr std::uint64_t hidden = 32;
constexpr std::uint64_t head = 8;
constexpr std::uint64_t heads = 4;
constexpr std::uint64_t kv_heads = 2;
constexpr std::uint64_t ffn = 64;
constexpr std::uint64_t experts = 4;
constexpr std::uint64_t expert_ffn = 32;
constexpr std::uint64_t vocab = 40;
constexpr std::uint32_t layers = 2;

/// Adds tensors of small random values.
class random_tensors {
 public:
  explicit random_tensors(gguf_writer& out) : out_(out) {}

  void add(const std::string& name, std::vector<std::uint64_t> shape) {
    std::uint64_t count = 1;
    for (const std::uint64_t size : shape) count *= size;
    std::vector<float> values(count);
    for (float& value : values)
      value = static_cast<float>(static_cast<double>(random_()) / 4294967296.0 - 0.5) * 0.2F;
    out_.f32_tensor(name, std::move(shape), values);
  }

 private:
  gguf_writer& out_;
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

void add_config(gguf_writer& out, const std::string& arch) {
  out.text("general.architecture", arch)
      .u32(arch + ".block_count", layers)
      .u32(arch + ".context_length", 256)
      .u32(arch + ".embedding_length", hidden)
      .u32(arch + ".attention.head_count", heads)
      .u32(arch + ".attention.head_count_kv", kv_heads)
      .u32(arch + ".attention.key_length", head)
      .u32(arch + ".attention.value_length", head)
      .f32(arch + ".rope.freq_base", 10000.0F)
      .f32(arch + ".attention.layer_norm_rms_epsilon", 1e-5F);
}

void add_attention(random_tensors& tensors, const std::string& layer) {
  tensors.add(layer + "attn_norm.weight", {hidden});
  tensors.add(layer + "attn_q.weight", {heads * head, hidden});
  tensors.add(layer + "attn_k.weight", {kv_heads * head, hidden});
  tensors.add(layer + "attn_v.weight", {kv_heads * head, hidden});
  tensors.add(layer + "attn_output.weight", {hidden, heads * head});
  tensors.add(layer + "ffn_norm.weight", {hidden});
}

}  // namespace

gguf_writer tiny_llama_gguf() {
  gguf_writer out;
  add_config(out, "llama");
  out.u32("llama.feed_forward_length", ffn);
  add_tokenizer(out);
  random_tensors tensors(out);
  tensors.add("token_embd.weight", {vocab, hidden});
  tensors.add("output_norm.weight", {hidden});
  for (std::uint32_t i = 0; i < layers; ++i) {
    const std::string layer = "blk." + std::to_string(i) + ".";
    add_attention(tensors, layer);
    tensors.add(layer + "ffn_gate.weight", {ffn, hidden});
    tensors.add(layer + "ffn_up.weight", {ffn, hidden});
    tensors.add(layer + "ffn_down.weight", {hidden, ffn});
  }
  return out;
}

gguf_writer tiny_qwen3moe_gguf() {
  gguf_writer out;
  add_config(out, "qwen3moe");
  out.u32("qwen3moe.expert_count", experts)
      .u32("qwen3moe.expert_used_count", 2)
      .u32("qwen3moe.expert_feed_forward_length", expert_ffn);
  add_tokenizer(out);
  out.without_key("tokenizer.ggml.pre").text("tokenizer.ggml.pre", "qwen2");
  random_tensors tensors(out);
  tensors.add("token_embd.weight", {vocab, hidden});
  tensors.add("output_norm.weight", {hidden});
  tensors.add("output.weight", {vocab, hidden});
  for (std::uint32_t i = 0; i < layers; ++i) {
    const std::string layer = "blk." + std::to_string(i) + ".";
    add_attention(tensors, layer);
    tensors.add(layer + "attn_q_norm.weight", {head});
    tensors.add(layer + "attn_k_norm.weight", {head});
    tensors.add(layer + "ffn_gate_inp.weight", {experts, hidden});
    tensors.add(layer + "ffn_gate_exps.weight", {experts, expert_ffn, hidden});
    tensors.add(layer + "ffn_up_exps.weight", {experts, expert_ffn, hidden});
    tensors.add(layer + "ffn_down_exps.weight", {experts, hidden, expert_ffn});
  }
  return out;
}

}  // namespace troupe::test
