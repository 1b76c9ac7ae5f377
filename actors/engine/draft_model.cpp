#include "actors/engine/draft_model.hpp"

#include <algorithm>

#include "runtime/cache/kv_layout.hpp"

namespace troupe {

result<void> check_speculation(const speculation_config& config) {
  const bool named = !config.draft_model.empty();
  if (config.mode == speculation_mode::model && !named)
    return fail(errc::invalid_argument,
                "speculation is 'model' and no draft model is named; name one with --draft-model");
  if (config.mode != speculation_mode::model && named)
    return fail(errc::invalid_argument,
                "a draft model is named, and speculation is not 'model'; give --speculation model");
  return {};
}

result<void> check_vocabulary(const tokenizer_spec& served, const tokenizer_spec& draft) {
  const auto& ours = served.tokens;
  const auto& theirs = draft.tokens;
  if (ours.size() != theirs.size())
    return fail(errc::invalid_argument,
                "it has another vocabulary than the served model: {} tokens, not {}; choose one of "
                "the same family",
                theirs.size(), ours.size());
  const auto differ = std::ranges::mismatch(ours, theirs);
  if (differ.in1 == ours.end()) return {};
  return fail(errc::invalid_argument,
              "it has another vocabulary than the served model: token {} is '{}', not '{}'; choose "
              "one of the same family",
              differ.in1 - ours.begin(), *differ.in2, *differ.in1);
}

result<std::optional<opened_model>> open_draft_model(const speculation_config& config,
                                                     const model_files& served,
                                                     const embedded_runtime::progress& report) {
  if (auto sound = check_speculation(config); !sound) return fail(sound.error());
  if (config.mode != speculation_mode::model) return std::nullopt;
  auto opened = open_model(config.draft_model, report);
  if (!opened) return fail(opened.error().within("draft model"));
  const model_files& draft = *opened->model.files;
  if (auto same = check_vocabulary(served.tokenizer(), draft.tokenizer()); !same)
    return fail(same.error().within("draft model " + config.draft_model));
  if (served.config().vocab != draft.config().vocab)
    return fail(errc::invalid_argument, "draft model {}: it has {} logits, the served model {}",
                config.draft_model, draft.config().vocab, served.config().vocab);
  return std::move(*opened);
}

result<memory_plan> plan_draft_memory(const model_config& draft, const engine_config& config,
                                      const memory_plan& served, std::size_t taken,
                                      std::size_t available) {
  const kv_layout layout{draft.layers, draft.kv_heads, draft.head_dim, config.page_size, config.kv};
  memory_plan plan;
  plan.kv_pages = served.kv_pages;
  plan.kv_bytes = layout.page_bytes() * plan.kv_pages;
  plan.kv_bytes_per_token = layout.position_bytes();
  plan.context = std::min(draft.context, served.context);
  if (taken > available || plan.kv_bytes > available - taken) {
    return fail(errc::out_of_memory,
                "the draft model's keys and values take {} MiB for {} tokens and do not fit beside "
                "the rest; lower --kv-memory-mib or --context",
                plan.kv_bytes >> 20U, std::size_t{plan.kv_pages} * config.page_size);
  }
  return plan;
}

}  // namespace troupe
