#include "runtime/api/answer_format.hpp"

#include <charconv>
#include <cmath>
#include <iterator>

#include "runtime/api/answer_account.hpp"
#include "runtime/api/event_frame.hpp"

namespace troupe {
namespace json = boost::json;

void answer_part::add(answer_part more) {
  add(message_part{std::move(more.text), std::move(more.reasoning), std::move(more.calls)});
  scores.insert(scores.end(), std::make_move_iterator(more.scores.begin()),
                std::make_move_iterator(more.scores.end()));
  tokens.insert(tokens.end(), more.tokens.begin(), more.tokens.end());
  if (more.finish != finish_reason::none) finish = more.finish;
  called = called || more.called;
}

void answer_part::add(message_part more) {
  text += more.content;
  reasoning += more.reasoning;
  for (call_part& call : more.calls) {
    if (!calls.empty() && calls.back().call == call.call)
      calls.back().arguments += call.arguments;
    else
      calls.push_back(std::move(call));
  }
}

std::string answer_format::frame(std::string_view json, std::uint64_t number) const {
  std::string event = event_frame(json);
  if (header_.resumable) event.insert(0, fmt::format("id: {}\n", number));
  return event;
}

std::string answer_format::error_frame(const api_error& e, std::uint64_t) {
  return event_frame(e.body());
}

std::string answer_format::ending() const { return event_frame("[DONE]"); }

json::object answer_format::envelope(std::string_view object, json::array choices) const {
  json::object out;
  out["id"] = header_.id;
  out["object"] = json::string_view(object.data(), object.size());
  out["created"] = header_.created;
  out["model"] = header_.model;
  out["system_fingerprint"] = header_.fingerprint;
  out["choices"] = std::move(choices);
  return out;
}

json::object answer_format::chunk_envelope(std::string_view object, json::array choices) const {
  json::object out = envelope(object, std::move(choices));
  if (header_.include_usage) out["usage"] = nullptr;
  return out;
}

json::object prompt_details_json(const usage_counts& usage) {
  json::object out{{"cached_tokens", usage.cached}};
  if (usage.created) {
    out["cache_creation_input_tokens"] = *usage.created;
    out["cache_type"] = "ephemeral";
  }
  return out;
}

json::object usage_json(const usage_counts& usage) {
  json::object out{{"prompt_tokens", usage.prompt},
                   {"completion_tokens", usage.completion},
                   {"total_tokens", usage.prompt + usage.completion},
                   {"prompt_tokens_details", prompt_details_json(usage)}};
  if (usage.reasoning) out["completion_tokens_details"] = {{"reasoning_tokens", *usage.reasoning}};
  add_cost(out, usage.cost);
  return out;
}

json::value finish_json(finish_reason reason, bool called) {
  switch (reason) {
    case finish_reason::stop:
      return called ? "tool_calls" : "stop";
    case finish_reason::length:
      return "length";
    case finish_reason::none:
    case finish_reason::cancelled:
    case finish_reason::error:
      break;
  }
  return nullptr;
}

double logprob_number(float logprob) {
  constexpr double minus_infinity_in_json = -9999.0;
  if (!std::isfinite(logprob)) return minus_infinity_in_json;
  char text[32];
  const char* end = std::to_chars(std::begin(text), std::end(text), logprob).ptr;
  double out = logprob;
  std::from_chars(std::begin(text), end, out);
  return out;
}

}  // namespace troupe
