#include "runtime/formats/gguf_tokenizer.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "runtime/formats/tokenizer_merge.hpp"

namespace troupe {
namespace {

/// What a value of `tokenizer.ggml.pre` stands for.
struct split_rule {
  std::string_view name;
  pre_tokenizer split;
  bool nfc;
  bool ignore_merges;
  bool add_bos;  ///< where the file does not say
};

constexpr std::array<split_rule, 9> split_rules = {{
    {"gpt-2", pre_tokenizer::gpt2, false, false, false},
    {"gpt2", pre_tokenizer::gpt2, false, false, false},
    {"default", pre_tokenizer::gpt2, false, false, false},
    {"smollm", pre_tokenizer::smollm, false, false, false},
    {"qwen2", pre_tokenizer::qwen2, true, false, false},
    {"deepseek-r1-qwen", pre_tokenizer::qwen2, true, false, false},
    {"llama-bpe", pre_tokenizer::llama3, false, true, true},
    {"llama3", pre_tokenizer::llama3, false, true, true},
    {"llama-v3", pre_tokenizer::llama3, false, true, true},
}};

enum class token_kind : std::int64_t { normal = 1, unknown, control, user_defined, unused, byte };

constexpr std::int64_t no_token = 0xFFFFFFFF;  // -1 as files write it in an unsigned field

result<split_rule> read_split(const gguf_metadata& metadata) {
  const auto model = metadata.text("tokenizer.ggml.model");
  if (!model) return fail(model.error());
  if (!*model) return fail(errc::corrupt, "metadata 'tokenizer.ggml.model' is missing");
  if (**model != "gpt2")
    return fail(errc::unsupported, "tokenizer model '{}'; troupe reads gpt2 (byte-level BPE)",
                **model);
  const auto pre = metadata.text("tokenizer.ggml.pre");
  if (!pre) return fail(pre.error());
  const std::string_view name = pre->value_or("default");
  const auto* const rule = std::ranges::find(split_rules, name, &split_rule::name);
  if (rule == split_rules.end())
    return fail(errc::unsupported,
                "tokenizer.ggml.pre '{}'; troupe knows gpt-2, smollm, qwen2 and llama-bpe", name);
  return *rule;
}

result<void> read_tokens(const gguf_metadata& metadata, tokenizer_spec& out) {
  const auto texts = metadata.texts("tokenizer.ggml.tokens");
  if (!texts) return fail(texts.error());
  if (!*texts || (*texts)->empty())
    return fail(errc::corrupt, "metadata 'tokenizer.ggml.tokens' is missing");
  const auto types = metadata.integers("tokenizer.ggml.token_type");
  if (!types) return fail(types.error());
  if (*types && (*types)->size() != (*texts)->size())
    return fail(errc::corrupt, "tokenizer.ggml.token_type has {} entries for {} tokens",
                (*types)->size(), (*texts)->size());
  out.tokens.reserve((*texts)->size());
  for (std::size_t i = 0; i < (*texts)->size(); ++i) {
    const std::string_view text = (**texts)[i];
    const auto kind = *types ? static_cast<token_kind>((**types)[i]) : token_kind::normal;
    // An unused entry ("[PAD151936]") fills a row of the embedding; no text may turn into it.
    out.tokens.emplace_back(kind == token_kind::unused ? std::string_view() : text);
    if ((kind != token_kind::control && kind != token_kind::user_defined) || text.empty()) continue;
    added_token added;
    added.id = static_cast<token_id>(i);
    added.content = text;
    added.special = kind == token_kind::control;
    out.added.push_back(std::move(added));
  }
  return {};
}

result<void> read_merges(const gguf_metadata& metadata, tokenizer_spec& out) {
  const auto merges = metadata.texts("tokenizer.ggml.merges");
  if (!merges) return fail(merges.error());
  if (!*merges) return fail(errc::corrupt, "metadata 'tokenizer.ggml.merges' is missing");
  out.merges.reserve((*merges)->size());
  for (const std::string_view merge : **merges) {
    auto pair = split_merge(merge);
    if (!pair)
      return fail(errc::corrupt, "merge {} ('{}') is not two tokens", out.merges.size(), merge);
    out.merges.push_back(std::move(*pair));
  }
  return {};
}

result<std::optional<token_id>> read_id(const gguf_metadata& metadata, std::string_view key,
                                        std::size_t tokens) {
  const auto id = metadata.integer(key);
  if (!id) return fail(id.error());
  if (!*id || **id == no_token || **id == -1) return std::nullopt;
  if (**id < 0 || static_cast<std::uint64_t>(**id) >= tokens)
    return fail(errc::corrupt, "{} is {}, but there are {} tokens", key, **id, tokens);
  return static_cast<token_id>(**id);
}

result<void> read_special(const gguf_metadata& metadata, bool bos_by_default, tokenizer_spec& out) {
  const std::pair<std::string_view, std::optional<token_id>*> ids[] = {
      {"tokenizer.ggml.bos_token_id", &out.bos},
      {"tokenizer.ggml.eos_token_id", &out.eos},
      {"tokenizer.ggml.unknown_token_id", &out.unknown},
      {"tokenizer.ggml.padding_token_id", &out.padding}};
  for (const auto& [key, target] : ids) {
    const auto id = read_id(metadata, key, out.tokens.size());
    if (!id) return fail(id.error());
    *target = *id;
  }
  const auto add_bos = metadata.flag("tokenizer.ggml.add_bos_token");
  const auto add_eos = metadata.flag("tokenizer.ggml.add_eos_token");
  const auto add_space = metadata.flag("tokenizer.ggml.add_space_prefix");
  for (const auto* flag : {&add_bos, &add_eos, &add_space}) {
    if (!*flag) return fail(flag->error());
  }
  if (add_bos->value_or(bos_by_default) && out.bos) out.prefix.push_back(*out.bos);
  if (add_eos->value_or(false) && out.eos) out.suffix.push_back(*out.eos);
  out.add_prefix_space = add_space->value_or(false);
  return {};
}

}  // namespace

result<tokenizer_spec> read_gguf_tokenizer(const gguf_metadata& metadata) {
  const auto rule = read_split(metadata);
  if (!rule) return fail(rule.error());
  tokenizer_spec out;
  out.split = rule->split;
  out.nfc = rule->nfc;
  out.ignore_merges = rule->ignore_merges;
  if (auto done = read_tokens(metadata, out); !done) return fail(std::move(done.error()));
  if (auto done = read_merges(metadata, out); !done) return fail(std::move(done.error()));
  if (auto done = read_special(metadata, rule->add_bos, out); !done)
    return fail(std::move(done.error()));
  return out;
}

}  // namespace troupe
