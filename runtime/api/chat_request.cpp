#include "runtime/api/chat_request.hpp"

#include <limits>

#include "kernels/api/sample.hpp"
#include "runtime/api/chat_messages.hpp"
#include "runtime/api/json_body.hpp"
#include "runtime/api/option_fields.hpp"
#include "runtime/api/structure_fields.hpp"

namespace troupe {
namespace json = boost::json;
namespace {

void refuse_in(request_reader& reader, tl::unexpected<api_error> u) {
  reader.refuse_with(std::move(u.value()));
}

void read_messages_into(request_reader& reader, const served_model& model, const api_limits& limits,
                        chat_request& out) {
  const json::value* messages = reader.value("messages");
  if (messages == nullptr)
    return reader.failed() ? void() : refuse_in(reader, refuse("messages", "is required: a list"));
  const bool knows_developer = model.files->chat_template().find("developer") != std::string::npos;
  auto read = read_messages(*messages, knows_developer, limits, &out.marks);
  if (!read) return reader.refuse_with(std::move(read.error()));
  out.variables["messages"] = std::move(*read);
}

/// What the request says of calls.
struct call_wishes {
  const json::array* tools = nullptr;  ///< null: it brought none
  bool may = true;
  bool must = false;
  std::string only;  ///< the function that must be called; empty: any
};

void read_tool_choice(request_reader& reader, call_wishes& out) {
  const json::value* choice = reader.value("tool_choice");
  if (choice == nullptr) return;
  if (const json::object* named = choice->if_object()) {
    const json::value* f = named->if_contains("function");
    const json::value* name =
        f == nullptr || !f->is_object() ? nullptr : f->get_object().if_contains("name");
    const json::value* type = named->if_contains("type");
    const bool typed = type == nullptr || *type == "function";
    if (!typed || name == nullptr || !name->is_string() || name->get_string().empty())
      return refuse_in(reader, refuse("tool_choice",
                                      "must name a function: {{\"type\": "
                                      "\"function\", \"function\": {{\"name\": ...}}}}"));
    out.must = true;
    out.only = std::string(name->get_string().data(), name->get_string().size());
    return;
  }
  const json::string* word = choice->if_string();
  if (word == nullptr || (*word != "auto" && *word != "none" && *word != "required"))
    return refuse_in(
        reader, refuse("tool_choice", "must be 'auto', 'none', 'required' or name a function"));
  out.may = *word != "none";
  out.must = *word == "required";
}

void read_tools(request_reader& reader, json::object& variables, call_wishes& out) {
  read_tool_choice(reader, out);
  const json::value* tools = reader.value("tools");
  if (tools == nullptr) {
    if (out.must) refuse_in(reader, refuse("tool_choice", "needs tools to choose from"));
    return;
  }
  const json::array* list = tools->if_array();
  if (list == nullptr)
    return refuse_in(reader, refuse("tools", "must be a list, got {}", kind_name(*tools)));
  for (std::size_t i = 0; i < list->size(); ++i) {
    const json::object* tool = (*list)[i].if_object();
    const json::value* f = tool == nullptr ? nullptr : tool->if_contains("function");
    const json::value* name =
        f == nullptr || !f->is_object() ? nullptr : f->get_object().if_contains("name");
    if (name == nullptr || !name->is_string())
      return refuse_in(reader, refuse(fmt::format("tools[{}]", i),
                                      "must be {{\"type\": \"function\", \"function\": "
                                      "{{\"name\": ..., ...}}}}"));
  }
  if (out.must && list->empty())
    return refuse_in(reader, refuse("tool_choice", "needs tools to choose from"));
  if (!out.may || list->empty()) return;
  out.tools = list;
  variables["tools"] = *list;
}

/// Holds the answer to calls where it must make one, or where all else of it is held.
void hold_calls(request_reader& reader, const call_wishes& wishes, request_options& out) {
  if (reader.failed() || wishes.tools == nullptr) return;
  if (!wishes.must && out.structure.empty()) return;
  if (out.markup.calls == call_markup::none) {
    if (wishes.must)
      refuse_in(reader, refuse("tool_choice",
                               "cannot be 'required' or a function: this model "
                               "marks no calls; --tool-parser can say how it does"));
    return;
  }
  if (out.ignore_eos)
    return refuse_in(reader, refuse("ignore_eos", "cannot be combined with a call that is forced"));
  const bool many = !out.one_call && wishes.only.empty();
  auto held = hold_to_calls(*wishes.tools, wishes.only, many, wishes.must, out);
  if (!held) reader.refuse_with(std::move(held.error()));
}

/// What of the answer's text is told apart from its content.
void read_markup(request_reader& reader, const served_model& model, bool may_call,
                 request_options& out) {
  bool parallel = true;
  reader.boolean("parallel_tool_calls", parallel);
  reader.boolean("include_reasoning", out.include_reasoning);
  reader.integer("thinking_budget", 0, std::numeric_limits<std::int32_t>::max(),
                 out.thinking_budget);
  out.markup = model.markup;
  if (!may_call) out.markup.calls = call_markup::none;
  out.one_call = !parallel;
}

void read_template_arguments(request_reader& reader, json::object& variables) {
  if (const json::value* kwargs = reader.value("chat_template_kwargs")) {
    const json::object* object = kwargs->if_object();
    if (object == nullptr)
      return refuse_in(
          reader, refuse("chat_template_kwargs", "must be an object, got {}", kind_name(*kwargs)));
    for (const auto& [key, value] : *object) {
      if (key == "messages" || key == "tools")
        return refuse_in(reader, refuse("chat_template_kwargs", "must not set {}",
                                        std::string_view(key.data(), key.size())));
      variables[key] = value;
    }
  }
  bool thinks = false;
  const bool said = reader.value("enable_thinking") != nullptr;
  reader.boolean("enable_thinking", thinks);
  if (said) variables["enable_thinking"] = thinks;
  if (reader.value("reasoning_effort") != nullptr) {
    std::string effort;
    reader.string("reasoning_effort", effort);
    variables["reasoning_effort"] = effort;
  }
}

/// Whether the answer goes on from the last message: said by `partial` in it, as Qwen's own
/// service does, or by continue_final_message.
bool read_continuation(request_reader& reader, const json::object& variables, bool& prompts) {
  bool continues = false;
  reader.boolean("continue_final_message", continues);
  const bool said = reader.value("add_generation_prompt") != nullptr;
  reader.boolean("add_generation_prompt", prompts);
  if (reader.failed()) return false;
  const json::object& last = variables.at("messages").as_array().back().as_object();
  const json::value* partial = last.if_contains("partial");
  continues = continues || (partial != nullptr && partial->is_bool() && partial->get_bool());
  if (!continues) return false;
  if (last.at("role") != "assistant")
    refuse_in(reader, refuse("continue_final_message", "needs the assistant's message last"));
  else if (last.at("content").as_string().empty())
    refuse_in(reader, refuse("continue_final_message", "needs a last message with content"));
  else if (said && prompts)
    refuse_in(reader,
              refuse("add_generation_prompt", "must not be set with a message to continue"));
  prompts = false;
  return true;
}

void read_logprobs(request_reader& reader, sampling_params& p) {
  reader.boolean("logprobs", p.logprobs);
  const bool said = reader.value("top_logprobs") != nullptr;
  reader.integer("top_logprobs", 0, kernels::max_top_logprobs, p.top_logprobs);
  if (said && p.top_logprobs != 0 && !p.logprobs)
    refuse_in(reader, refuse("top_logprobs", "needs logprobs: true"));
}

void read_max_tokens(request_reader& reader, std::optional<std::uint32_t>& out) {
  constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
  reader.integer("max_tokens", 1, most, out);
  reader.integer("max_completion_tokens", 1, most, out);
}

/// The tokens that templates write by name.
void add_special_tokens(const tokenizer& tokens, json::object& variables) {
  const tokenizer_spec& spec = tokens.spec();
  const auto text = [&](std::optional<token_id> id) {
    return id ? std::string(tokens.bytes(*id)) : std::string();
  };
  // Absent ones are null rather than undefined, as transformers calls a template.
  if (!variables.contains("tools")) variables["tools"] = nullptr;
  if (!variables.contains("documents")) variables["documents"] = nullptr;
  variables["bos_token"] = text(spec.bos);
  variables["eos_token"] = text(spec.eos);
  if (spec.unknown) variables["unk_token"] = text(spec.unknown);
  if (spec.padding) variables["pad_token"] = text(spec.padding);
}

/// Reads every parameter; what is wrong is kept in `reader`.
void read_chat(request_reader& reader, const served_model& model, const api_limits& limits,
               chat_request& out) {
  read_common_options(reader, model, limits, out.options);
  read_logprobs(reader, out.options.sampling);
  read_max_tokens(reader, out.options.max_tokens);
  read_messages_into(reader, model, limits, out);
  call_wishes calls;
  read_tools(reader, out.variables, calls);
  read_markup(reader, model, calls.tools != nullptr, out.options);
  hold_calls(reader, calls, out.options);
  add_special_tokens(*model.tokens, out.variables);
  read_template_arguments(reader, out.variables);
  bool prompts = true;
  out.continues = read_continuation(reader, out.variables, prompts);
  out.variables["add_generation_prompt"] = prompts;
  reader.accept({"verbosity"});
  reader.unsupported("functions", "use tools");
  reader.unsupported("function_call", "use tools and tool_choice");
  reader.unsupported("audio", "this model writes text");
  reader.unsupported("prediction", "answers are not predicted");
  reader.unsupported("web_search_options", "this server does not search");
  reader.unsupported("documents", "put them into messages");
  reader.unsupported("chat_template", "the model's own template is used");
}

}  // namespace

std::vector<std::string> chat_parameters(const served_model& model) {
  const json::object nothing;
  request_reader reader(nothing);
  chat_request out;
  read_chat(reader, model, {}, out);
  return reader.accepted();
}

api_result<chat_request> parse_chat_request(std::string_view body, const served_model& model,
                                            const api_limits& limits) {
  auto object = parse_json_body(body, limits);
  if (!object) return tl::unexpected(std::move(object.error()));
  return parse_chat_request(*object, model, limits);
}

api_result<chat_request> parse_chat_request(const json::object& body, const served_model& model,
                                            const api_limits& limits) {
  request_reader reader(body);
  chat_request out;
  read_chat(reader, model, limits, out);
  if (auto e = reader.finish()) return tl::unexpected(std::move(*e));
  if (model.chat == nullptr) {
    api_error e;
    e.message = fmt::format(
        "The model '{}' cannot chat: {}. Use /v1/completions.", model.id,
        model.template_error.empty() ? "it has no chat template" : model.template_error);
    e.code = "no_chat_template";
    return tl::unexpected(std::move(e));
  }
  return out;
}

}  // namespace troupe
