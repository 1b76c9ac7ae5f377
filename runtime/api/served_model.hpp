#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "runtime/api/message_markup.hpp"
#include "runtime/model/model_files.hpp"
#include "runtime/sampling/structure_library.hpp"
#include "runtime/template/chat_template.hpp"
#include "runtime/tokenizer/tokenizer.hpp"

namespace troupe {

/// A model as front ends see it. Immutable once made; shared by every connection.
struct served_model {
  std::string id;                ///< the name requests use
  std::int64_t created = 0;      ///< seconds since 1970
  std::uint32_t context = 0;     ///< most positions, prompt and answer together
  std::uint32_t max_input = 0;   ///< most tokens of a prompt; 0: what the context has room for
  std::uint32_t max_output = 0;  ///< most tokens of an answer; 0: likewise
  std::shared_ptr<const model_files> files;
  std::shared_ptr<const tokenizer> tokens;
  /// Null where the model has no template: chat completions are then refused, with the reason in
  /// `template_error`.
  std::shared_ptr<const chat_template> chat;
  std::string template_error;
  /// What answers can be held to, compiled; null: they cannot.
  std::shared_ptr<structure_library> structures;
  std::string quantization = "unknown";  ///< in OpenRouter's words: see quantization_of()
  message_markup markup;                 ///< how it marks thoughts and tool calls
};

}  // namespace troupe
