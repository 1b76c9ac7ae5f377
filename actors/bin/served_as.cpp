#include "actors/bin/served_as.hpp"

#include <fmt/format.h>

namespace troupe::cli {
namespace {

/// As Qwen3-Max is offered: 258,048 of 262,144 tokens for the prompt, 32,768 for the answer.
constexpr std::uint32_t long_context = 262'144;
constexpr std::uint32_t kept_for_answers = 4'096;
constexpr std::uint32_t longest_answer = 32'768;

/// The setting, or else the default; 0 where that leaves all there is.
std::uint32_t bound(std::uint32_t wanted, std::uint32_t otherwise, std::uint32_t context) {
  const std::uint32_t most = wanted == 0 ? otherwise : wanted;
  return most >= context ? 0 : most;
}

}  // namespace

std::shared_ptr<const served_model> as_served(const served_model& model,
                                              const served_name& settings) {
  auto copy = std::make_shared<served_model>(model);
  if (!settings.name.empty()) copy->id = settings.name;
  const std::uint32_t context = copy->context;
  copy->max_input =
      bound(settings.max_input, context < long_context ? 0 : context - kept_for_answers, context);
  copy->max_output = bound(settings.max_output, longest_answer, context);
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
