#include "runtime/api/completion_session.hpp"

#include <algorithm>
#include <functional>
#include <utility>

#include "runtime/api/chat_request.hpp"
#include "runtime/api/completion_request.hpp"
#include "runtime/api/dashscope_format.hpp"
#include "runtime/api/dashscope_request.hpp"
#include "runtime/api/session_core.hpp"

namespace troupe {
namespace {

constexpr std::size_t fingerprint_digits = 12;

answer_header make_header(const api_context& context, const request_options& options,
                          std::string_view prefix) {
  answer_header h;
  const std::uint64_t high = context.random();
  h.id = fmt::format("{}-{:016x}{:016x}", prefix, high, context.random());
  h.created = context.now();
  h.model = context.model->id;
  h.fingerprint = "fp_" + context.model->files->identity().substr(0, fingerprint_digits);
  h.logprobs = options.sampling.logprobs;
  h.token_ids = options.return_token_ids;
  h.include_usage = options.include_usage;
  h.vocabulary = context.model->tokens;
  h.choices = options.choices;
  return h;
}

/// Prompts without a given seed draw one each: equal prompts of one request then differ.
api_result<session_prompt> make_prompt(const api_context& context, const request_options& options,
                                       prepared_prompt prompt) {
  auto request = make_generation_request(*context.model, options, prompt.tokens);
  if (!request) return tl::unexpected(std::move(request.error()));
  request->account = context.account;
  request->rank = context.rank;
  if (!options.seed_given) request->sampling.seed = context.random();
  return session_prompt{std::move(*request), std::move(prompt)};
}

api_result<std::vector<session_prompt>> chat_prompts(const api_context& context,
                                                     const chat_request& request) {
  auto prepared = prepare_chat(*context.model, request);
  if (!prepared) return tl::unexpected(std::move(prepared.error()));
  auto prompt = make_prompt(context, request.options, std::move(*prepared));
  if (!prompt) return tl::unexpected(std::move(prompt.error()));
  std::vector<session_prompt> out;
  out.push_back(std::move(*prompt));
  return out;
}

api_result<std::vector<session_prompt>> completion_prompts(const api_context& context,
                                                           const completion_request& request) {
  std::vector<session_prompt> out;
  for (std::size_t i = 0; i < request.prompts.size(); ++i) {
    auto prepared = prepare_completion(*context.model, request, i);
    if (!prepared) return tl::unexpected(std::move(prepared.error()));
    auto prompt = make_prompt(context, request.options, std::move(*prepared));
    if (!prompt) return tl::unexpected(std::move(prompt.error()));
    prompt->request.prompt_logprobs = request.echo && request.options.sampling.logprobs;
    out.push_back(std::move(*prompt));
  }
  return out;
}

/// Most answers end by themselves long before the context does.
constexpr std::uint64_t unasked_answer_tokens = 1024;

generation_cost cost_of(const request_options& options,
                        const std::vector<session_prompt>& prompts) {
  generation_cost cost;
  for (const session_prompt& p : prompts) {
    std::uint64_t answer = p.request.max_tokens;
    if (!options.max_tokens) answer = std::min(answer, unasked_answer_tokens);
    cost.prompt_tokens += p.request.prompt.size();
    cost.answer_tokens += answer * p.request.choices;
  }
  return cost;
}

std::shared_ptr<completion_session> launch(
    const api_context& context, const request_options& options, answer_header header,
    const std::function<std::unique_ptr<answer_format>(answer_header)>& make_format,
    api_result<std::vector<session_prompt>> prompts, bool echo, std::shared_ptr<response_sink> sink,
    std::shared_ptr<session_observer> observer) {
  if (!prompts) {
    sink->fail(prompts.error());
    return nullptr;
  }
  if (context.admit) {
    if (const auto refused = context.admit(cost_of(options, *prompts))) {
      sink->fail(*refused);
      return nullptr;
    }
  }
  if (options.return_token_ids)
    for (const session_prompt& p : *prompts) header.prompts.push_back(p.prompt.tokens);
  auto session = std::make_shared<session_core>(context, options, make_format(std::move(header)),
                                                std::move(sink), std::move(observer));
  if (!session->start(std::move(*prompts), echo)) return nullptr;
  return session;
}

}  // namespace

std::shared_ptr<completion_session> completion_session::chat(
    const api_context& context, std::string_view body, std::shared_ptr<response_sink> sink,
    std::shared_ptr<session_observer> observer) {
  const auto request = parse_chat_request(body, *context.model, context.limits);
  if (!request) {
    sink->fail(request.error());
    return nullptr;
  }
  auto prompts = chat_prompts(context, *request);
  return launch(context, request->options, make_header(context, request->options, "chatcmpl"),
                make_chat_format, std::move(prompts), false, std::move(sink), std::move(observer));
}

std::shared_ptr<completion_session> completion_session::dashscope(
    const api_context& context, std::string_view body, bool events,
    std::shared_ptr<response_sink> sink, std::shared_ptr<session_observer> observer) {
  const auto request = parse_dashscope_request(body, events, *context.model, context.limits);
  const request_options options = request ? request->chat.options : request_options();
  answer_header header = make_header(context, options, "req");
  sink = dashscope_errors(std::move(sink), header.id);
  if (!request) {
    sink->fail(request.error());
    return nullptr;
  }
  const dashscope_form form{request->as_text, request->incremental};
  return launch(
      context, options, std::move(header),
      [form](answer_header h) { return make_dashscope_format(std::move(h), form); },
      chat_prompts(context, request->chat), false, std::move(sink), std::move(observer));
}

std::shared_ptr<completion_session> completion_session::completions(
    const api_context& context, std::string_view body, std::shared_ptr<response_sink> sink,
    std::shared_ptr<session_observer> observer) {
  const auto request = parse_completion_request(body, *context.model, context.limits);
  if (!request) {
    sink->fail(request.error());
    return nullptr;
  }
  auto prompts = completion_prompts(context, *request);
  return launch(context, request->options, make_header(context, request->options, "cmpl"),
                make_completion_format, std::move(prompts), request->echo, std::move(sink),
                std::move(observer));
}

}  // namespace troupe
