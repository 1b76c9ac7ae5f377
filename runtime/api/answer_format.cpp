#include "runtime/api/answer_format.hpp"

#include <charconv>
#include <cmath>
#include <iterator>

namespace troupe {
namespace json = boost::json;

void answer_part::add(answer_part more) {
  text += more.text;
  scores.insert(scores.end(), std::make_move_iterator(more.scores.begin()),
                std::make_move_iterator(more.scores.end()));
  tokens.insert(tokens.end(), more.tokens.begin(), more.tokens.end());
  if (more.finish != finish_reason::none) finish = more.finish;
}

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

json::object usage_json(const usage_counts& usage) {
  return {{"prompt_tokens", usage.prompt},
          {"completion_tokens", usage.completion},
          {"total_tokens", usage.prompt + usage.completion},
          {"prompt_tokens_details", {{"cached_tokens", usage.cached}}}};
}

json::value finish_json(finish_reason reason) {
  switch (reason) {
    case finish_reason::stop:
      return "stop";
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
