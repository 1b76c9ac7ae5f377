#pragma once

#include <string_view>

namespace troupe {

/// How a model marks its thoughts in what it writes.
enum class thought_markup {
  none,
  think,  ///< <think> ... </think>, or the second alone where the prompt has opened the thought
};

inline constexpr std::string_view think_begin = "<think>";
inline constexpr std::string_view think_end = "</think>";

/// How a model marks a call of a tool.
enum class call_markup {
  none,
  hermes,  ///< <tool_call>{"name": ..., "arguments": {...}}</tool_call>, as Qwen and Hermes do
};

/// What of an answer's text is not its content. The default takes all text as content.
struct message_markup {
  thought_markup thoughts = thought_markup::none;
  call_markup calls = call_markup::none;
};

/// What a chat template says of its model: it writes the marks that the model was trained on.
[[nodiscard]] inline message_markup markup_of(std::string_view chat_template) {
  const auto has = [&](std::string_view mark) {
    return chat_template.find(mark) != std::string_view::npos;
  };
  message_markup out;
  if (has("</think>")) out.thoughts = thought_markup::think;
  if (has("<tool_call>")) out.calls = call_markup::hermes;
  return out;
}

}  // namespace troupe
