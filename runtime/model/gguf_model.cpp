#include <utility>

#include "runtime/formats/gguf_reader.hpp"
#include "runtime/formats/gguf_tokenizer.hpp"
#include "runtime/model/gguf_config.hpp"
#include "runtime/model/model_parts.hpp"

namespace troupe {

result<model_parts> read_gguf_model(mapped_file mapped) {
  model_parts parts;
  auto file = parse_gguf(mapped.bytes());
  if (!file) return fail(std::move(file.error()));
  parts.files.push_back(std::move(mapped));
  const auto splits = file->metadata.integer("split.count");
  if (!splits) return fail(splits.error());
  if (splits->value_or(1) > 1)
    return fail(errc::unsupported, "one of {} GGUF files; join them first (gguf-split --merge)",
                **splits);
  auto tokenizer = read_gguf_tokenizer(file->metadata);
  if (!tokenizer) return fail(std::move(tokenizer.error()));
  parts.tokenizer = std::move(*tokenizer);
  auto config = read_gguf_config(*file, parts.tokenizer);
  if (!config) return fail(std::move(config.error()));
  parts.config = std::move(*config);
  const auto chat = file->metadata.text("tokenizer.chat_template");
  if (!chat) return fail(chat.error());
  parts.chat_template = chat->value_or("");
  const auto defaults = read_gguf_defaults(file->metadata);
  if (!defaults) return fail(defaults.error());
  parts.defaults = *defaults;
  parts.format = fmt::format("GGUF v{}", file->version);
  parts.tensors = std::move(file->tensors);
  if (auto ok = complete(parts, gguf_naming(), bias_rule::optional); !ok)
    return fail(std::move(ok.error()));
  return parts;
}

}  // namespace troupe
