#include "runtime/api/completion_session.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <utility>

#include "runtime/api/chat_request.hpp"
#include "runtime/api/completion_request.hpp"
#include "runtime/api/dashscope_format.hpp"
#include "runtime/api/dashscope_request.hpp"
#include "runtime/api/guiding.hpp"
#include "runtime/api/session_core.hpp"
#include "runtime/api/thinking.hpp"

namespace troupe {
namespace {

constexpr std::size_t fingerprint_digits = 12;

/// A call read and checked: its prompts, and how its answer is to look.
struct planned_call {
  request_options options;
  std::vector<session_prompt> prompts;
  std::function<std::unique_ptr<answer_format>(answer_header)> make_format;
  bool echo = false;
};

/// Prompts without a given seed draw one each: equal prompts of one request then differ.
api_result<session_prompt> make_prompt(const api_context& context, const request_options& options,
                                       prepared_prompt prompt) {
  auto request = make_generation_request(*context.model, options, prompt.tokens);
  if (!request) return tl::unexpected(std::move(request.error()));
  auto forcing = limit_thought(*context.model, options, prompt.in_thought);
  if (!forcing) return tl::unexpected(std::move(forcing.error()));
  request->forcing = std::move(*forcing);
  const thought_state thought = prompt.in_thought     ? thought_state::open
                                : prompt.thought_over ? thought_state::over
                                                      : thought_state::possible;
  auto guide = guide_answer(*context.model, options, thought);
  if (!guide) return tl::unexpected(std::move(guide.error()));
  request->guide = std::move(*guide);
  request->account = context.tenant;
  request->rank = context.rank;
  request->cache_space = context.cache_space;
  request->cache_marks = prompt.cache_marks;
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

result<generation_cost> cost_of(const api_context& context, const request_options& options,
                                const std::vector<session_prompt>& prompts) {
  generation_cost cost;
  bool keeps = false;
  for (const session_prompt& p : prompts) {
    std::uint64_t answer = p.request.max_tokens;
    if (!options.max_tokens) answer = std::min(answer, unasked_answer_tokens);
    cost.prompt_tokens += p.request.prompt.size();
    cost.answer_tokens += answer * p.request.choices;
    keeps = keeps || !p.request.cache_marks.empty();
  }
  if (!context.account.prices) return cost;
  const auto money =
      most_cost(*context.account.prices, cost.prompt_tokens, cost.answer_tokens, keeps);
  if (!money) return fail(money.error());
  cost.money = *money;
  return cost;
}

api_result<planned_call> plan_chat(const api_context& context, const completion_call& call) {
  const auto request = parse_chat_request(call.body, *context.model, context.limits);
  if (!request) return tl::unexpected(request.error());
  auto prompts = chat_prompts(context, *request);
  if (!prompts) return tl::unexpected(std::move(prompts.error()));
  return planned_call{request->options, std::move(*prompts), make_chat_format};
}

api_result<planned_call> plan_completions(const api_context& context, const completion_call& call) {
  const auto request = parse_completion_request(call.body, *context.model, context.limits);
  if (!request) return tl::unexpected(request.error());
  auto prompts = completion_prompts(context, *request);
  if (!prompts) return tl::unexpected(std::move(prompts.error()));
  return planned_call{request->options, std::move(*prompts), make_completion_format, request->echo};
}

api_result<planned_call> plan_dashscope(const api_context& context, const completion_call& call) {
  const auto request =
      parse_dashscope_request(call.body, call.events, *context.model, context.limits);
  if (!request) return tl::unexpected(request.error());
  auto prompts = chat_prompts(context, request->chat);
  if (!prompts) return tl::unexpected(std::move(prompts.error()));
  const dashscope_form form{request->as_text, request->incremental};
  return planned_call{request->chat.options, std::move(*prompts), [form](answer_header h) {
                        return make_dashscope_format(std::move(h), form);
                      }};
}

api_result<planned_call> plan_response(const api_context& context, const completion_call& call) {
  const std::shared_ptr<const response_call> response = call.response;
  const auto request =
      chat_of(response->request, response->history, *context.model, context.limits);
  if (!request) return tl::unexpected(request.error());
  auto prompts = chat_prompts(context, *request);
  if (!prompts) return tl::unexpected(std::move(prompts.error()));
  return planned_call{request->options, std::move(*prompts), [response](answer_header h) {
                        return make_response_format(std::move(h), response->frame,
                                                    response->watcher);
                      }};
}

api_result<planned_call> plan(const api_context& context, const completion_call& call) {
  switch (call.protocol) {
    case api_protocol::responses:
      return plan_response(context, call);
    case api_protocol::completions:
      return plan_completions(context, call);
    case api_protocol::dashscope:
      return plan_dashscope(context, call);
    case api_protocol::chat:
      break;
  }
  return plan_chat(context, call);
}

std::string new_id(const api_context& context, api_protocol protocol) {
  static constexpr std::array<std::string_view, 4> prefixes{"chatcmpl", "cmpl", "req", "resp"};
  const std::uint64_t high = context.random();
  return fmt::format("{}-{:016x}{:016x}", prefixes.at(static_cast<std::size_t>(protocol)), high,
                     context.random());
}

answer_header make_header(const api_context& context, const planned_call& planned, std::string id,
                          std::int64_t created, bool resumable) {
  const request_options& options = planned.options;
  answer_header h;
  h.id = std::move(id);
  h.created = created;
  h.model = context.model->id;
  h.fingerprint = "fp_" + context.model->files->identity().substr(0, fingerprint_digits);
  h.logprobs = options.sampling.logprobs;
  h.token_ids = options.return_token_ids;
  h.include_usage = options.include_usage;
  h.resumable = resumable;
  h.vocabulary = context.model->tokens;
  h.choices = options.choices;
  if (options.return_token_ids)
    for (const session_prompt& p : planned.prompts) h.prompts.push_back(p.prompt.tokens);
  return h;
}

std::shared_ptr<completion_session> launch(const api_context& context, planned_call planned,
                                           answer_header header, std::uint64_t after,
                                           std::shared_ptr<response_sink> sink,
                                           std::shared_ptr<session_observer> observer,
                                           const session_core::submitter& submit) {
  const stream_place place{header.resumable, after};
  auto session = std::make_shared<session_core>(context, std::move(planned.options),
                                                planned.make_format(std::move(header)), place,
                                                std::move(sink), std::move(observer));
  if (!session->start(std::move(planned.prompts), planned.echo, submit)) return nullptr;
  return session;
}

}  // namespace

std::shared_ptr<completion_session> completion_session::begin(
    const api_context& around, const completion_call& call, std::shared_ptr<response_sink> sink,
    std::shared_ptr<session_observer> observer) {
  api_context context = around;
  if (call.identity) context.random = [next = call.identity->seed]() mutable { return next++; };
  const std::string id = call.identity ? call.identity->id : new_id(context, call.protocol);
  const std::int64_t created = call.identity ? call.identity->created : context.now();
  if (call.protocol == api_protocol::dashscope) sink = dashscope_errors(std::move(sink), id);
  auto planned = plan(context, call);
  if (!planned) {
    sink->fail(planned.error());
    return nullptr;
  }
  if (context.admit) {
    const auto cost = cost_of(context, planned->options, planned->prompts);
    const auto refused = cost ? context.admit(*cost) : to_api_error(cost.error());
    if (refused) {
      sink->fail(*refused);
      return nullptr;
    }
  }
  // Responses are kept by whoever asks for them.
  const bool response = call.protocol == api_protocol::responses;
  const bool resumable =
      context.resumable && planned->options.stream && planned->prompts.size() == 1 && !response;
  if (resumable) {
    planned->prompts.front().request.origin = std::make_shared<const answer_origin>(answer_origin{
        id, static_cast<std::uint8_t>(call.protocol), created, std::string(call.body)});
  }
  answer_header header = make_header(context, *planned, id, created, resumable || response);
  return launch(
      context, std::move(*planned), std::move(header), 0, std::move(sink), std::move(observer),
      [&context](generation_request request, std::shared_ptr<generation_listener> listener) {
        return context.service->submit(std::move(request), std::move(listener));
      });
}

std::shared_ptr<completion_session> completion_session::resume(
    const api_context& context, answer_recall& recall, api_protocol protocol,
    const recalled_answer& answer, std::uint64_t after, std::shared_ptr<response_sink> sink,
    std::shared_ptr<session_observer> observer) {
  const auto origin = answer.asked->origin;
  const auto refuse = [&](const api_error& e) {
    sink->fail(e);
    return nullptr;
  };
  if (protocol == api_protocol::dashscope && origin != nullptr)
    sink = dashscope_errors(std::move(sink), origin->name);
  if (origin == nullptr || origin->protocol != static_cast<std::uint8_t>(protocol))
    return refuse(to_api_error({errc::not_found, "the answer is another endpoint's"}));
  auto planned = plan(context, {protocol, origin->body, true});
  if (!planned) return refuse(planned.error());
  if (planned->prompts.size() != 1 || !planned->options.stream)
    return refuse(to_api_error({errc::internal, "what was asked for is no stream of one prompt"}));
  // A template may look at the clock: the prompt is the one that the answer goes on from.
  session_prompt& prompt = planned->prompts.front();
  prompt.prompt.tokens = answer.asked->prompt;
  prompt.request = *answer.asked;
  answer_header header = make_header(context, *planned, origin->name, origin->created, true);
  return launch(
      context, std::move(*planned), std::move(header), after, std::move(sink), std::move(observer),
      [&recall, id = answer.id](const generation_request&, auto listener) -> result<request_id> {
        recall.listen(id, std::move(listener));
        return id;
      });
}

}  // namespace troupe
