#include "actors/bin/served_as.hpp"

#include <fmt/format.h>

namespace troupe::cli {

std::shared_ptr<const served_model> as_served(const served_model& model,
                                              const served_name& settings) {
  auto copy = std::make_shared<served_model>(model);
  if (!settings.name.empty()) copy->id = settings.name;
  message_markup& markup = copy->markup;
  if (settings.reasoning_parser != "auto")
    markup.thoughts =
        settings.reasoning_parser == "think" ? thought_markup::think : thought_markup::none;
  if (settings.tool_parser != "auto")
    markup.calls = settings.tool_parser == "hermes" ? call_markup::hermes : call_markup::none;
  return copy;
}

std::string first_request(const std::string& url, const served_model& model) {
  if (!model.chat)
    return fmt::format(
        "curl {}/v1/completions -H 'Content-Type: application/json' -d '{{\"model\": \"{}\", "
        "\"prompt\": \"The capital of France is\", \"max_tokens\": 16, \"temperature\": 0}}'",
        url, model.id);
  return fmt::format(
      "curl {}/v1/chat/completions -H 'Content-Type: application/json' -d '{{\"model\": \"{}\", "
      "\"temperature\": 0, \"messages\": [{{\"role\": \"user\", \"content\": \"What is the capital "
      "of France?\"}}]}}'",
      url, model.id);
}

}  // namespace troupe::cli
