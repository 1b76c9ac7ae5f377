#include "runtime/api/prompt.hpp"

#include <algorithm>

#include "runtime/api/cache_marks.hpp"

namespace troupe {
namespace json = boost::json;
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

/// Cuts the rendered conversation behind its last message, before whatever closes a turn.
/// Templates may trim a message, so its trimmed text is looked for.
bool cut_after_last_message(std::string& text, std::string_view message) {
  const std::string_view core = trimmed(message);
  const std::size_t at = core.empty() ? std::string::npos : text.rfind(core);
  if (at == std::string::npos) return false;
  std::size_t end = at + core.size();
  const auto lead = static_cast<std::size_t>(core.data() - message.data());
  const std::string_view tail = message.substr(lead + core.size());
  if (std::string_view(text).substr(end, tail.size()) == tail) end += tail.size();
  text.resize(end);
  return true;
}

/// Whether the answer goes on inside a thought: the template has opened one at the prompt's end,
/// or the message gone on from has.
bool opens_thought(std::string_view prompt, const chat_request& request) {
  if (request.options.markup.thoughts == thought_markup::none) return false;
  if (!request.continues) {
    const std::string_view text = trimmed(prompt);
    return text.size() >= think_begin.size() &&
           text.substr(text.size() - think_begin.size()) == think_begin;
  }
  const json::object& last = request.variables.at("messages").as_array().back().as_object();
  const json::string& content = last.at("content").as_string();
  const std::string_view text(content.data(), content.size());
  const std::size_t begin = text.rfind(think_begin);
  return begin != std::string_view::npos && text.find(think_end, begin) == std::string_view::npos;
}

/// Whether there is no thought to come: none was wanted, or what the answer goes on from has an end
/// of one, or text.
bool has_no_thought(std::string_view prompt, const chat_request& request) {
  const json::value* wanted = request.variables.if_contains("enable_thinking");
  if (wanted != nullptr && wanted->is_bool() && !wanted->get_bool()) return true;
  const std::string_view text = trimmed(prompt);
  const bool closed =
      text.size() >= think_end.size() && text.substr(text.size() - think_end.size()) == think_end;
  return request.continues || closed;
}

api_error too_long(const served_model& model, std::size_t prompt, std::size_t answer) {
  api_error e;
  e.code = "context_length_exceeded";
  e.param = "messages";
  e.message = answer == 0
                  ? fmt::format(
                        "This model's maximum context length is {} tokens. However, your prompt "
                        "has {} tokens. Shorten it.",
                        model.context, prompt)
                  : fmt::format(
                        "This model's maximum context length is {} tokens. However, you asked for "
                        "{} tokens ({} in the prompt, {} in the answer). Shorten one of them.",
                        model.context, prompt + answer, prompt, answer);
  return e;
}

api_error more_than_it_takes(const served_model& model, std::size_t prompt) {
  api_error e;
  e.code = "context_length_exceeded";
  e.param = "messages";
  e.message = fmt::format(
      "This model takes at most {} tokens of input (its context has {}, of which the rest is for "
      "the answer). However, your prompt has {} tokens. Shorten it.",
      model.max_input, model.context, prompt);
  return e;
}

}  // namespace

api_result<prepared_prompt> prepare_chat(const served_model& model, const chat_request& request) {
  auto text = model.chat->render(request.variables);
  if (!text) {
    api_error e = to_api_error(text.error());
    e.status = 400;
    e.type = "invalid_request_error";
    e.message = "The model's chat template refused the conversation: " + e.message;
    e.param = "messages";
    return tl::unexpected(std::move(e));
  }
  if (request.continues) {
    const json::object& last = request.variables.at("messages").as_array().back().as_object();
    const json::string& content = last.at("content").as_string();
    if (!cut_after_last_message(*text, {content.data(), content.size()}))
      return refuse("continue_final_message",
                    "cannot be followed: the template does not show the last message as it is");
  }
  prepared_prompt out;
  out.in_thought = opens_thought(*text, request);
  out.thought_over = !out.in_thought && has_no_thought(*text, request);
  out.tokens = model.tokens->encode(*text, {.add_special = false, .parse_special = true});
  out.cache_marks = find_cache_marks(model, request, *text, out.tokens);
  return out;
}

api_result<prepared_prompt> prepare_completion(const served_model& model,
                                               const completion_request& request,
                                               std::size_t index) {
  prepared_prompt out;
  if (const auto* tokens = std::get_if<std::vector<token_id>>(&request.prompts[index])) {
    out.tokens = *tokens;
  } else {
    out.tokens = model.tokens->encode(std::get<std::string>(request.prompts[index]));
    out.added_front = model.tokens->spec().prefix.size();
    out.added_back = model.tokens->spec().suffix.size();
  }
  if (out.tokens.empty())
    return refuse("prompt", "must not be empty: this model needs at least one token to go on from");
  return out;
}

api_result<generation_request> make_generation_request(const served_model& model,
                                                       const request_options& options,
                                                       std::vector<token_id> prompt) {
  const std::size_t room = model.context > prompt.size() ? model.context - prompt.size() : 0;
  // Scoring alone (max_tokens 0) may fill the context.
  const bool only_scores = options.max_tokens == 0U;
  if (model.max_input != 0 && prompt.size() > model.max_input)
    return tl::unexpected(more_than_it_takes(model, prompt.size()));
  const std::size_t most_out = model.max_output == 0 ? model.context : model.max_output;
  if (model.max_output != 0 && options.max_tokens.value_or(0) > most_out)
    return refuse("max_tokens", "may be at most {}, as many as this model writes, got {}", most_out,
                  *options.max_tokens);
  if (prompt.size() > model.context || (room == 0 && !only_scores))
    return tl::unexpected(too_long(model, prompt.size(), 0));
  if (options.max_tokens.value_or(0) > room)
    return tl::unexpected(too_long(model, prompt.size(), *options.max_tokens));

  generation_request out;
  out.max_tokens =
      options.max_tokens.value_or(static_cast<std::uint32_t>(std::min(room, most_out)));
  out.min_tokens = options.min_tokens;
  if (out.min_tokens > out.max_tokens)
    return refuse("min_tokens", "must be at most max_tokens ({}), got {}", out.max_tokens,
                  out.min_tokens);
  out.prompt = std::move(prompt);
  out.sampling = options.sampling;
  out.choices = options.choices;
  out.ignore_eos = options.ignore_eos;
  out.stop_tokens = options.stop_tokens;
  if (!options.ignore_eos) {
    const std::vector<token_id>& eos = model.files->config().eos;
    out.stop_tokens.insert(out.stop_tokens.end(), eos.begin(), eos.end());
  }
  std::sort(out.stop_tokens.begin(), out.stop_tokens.end());
  out.stop_tokens.erase(std::unique(out.stop_tokens.begin(), out.stop_tokens.end()),
                        out.stop_tokens.end());
  return out;
}

}  // namespace troupe
