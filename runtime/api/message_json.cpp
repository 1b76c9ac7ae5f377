#include "runtime/api/message_json.hpp"

#include <fmt/format.h>

#include <boost/json/object.hpp>
#include <span>
#include <utility>

namespace troupe {
namespace json = boost::json;
namespace {

json::object token_entry(token_id token, float logprob, const tokenizer& vocabulary) {
  json::array bytes;
  for (const char c : vocabulary.bytes(token)) bytes.push_back(static_cast<unsigned char>(c));
  return {{"token", vocabulary.decode(std::span(&token, 1))},
          {"logprob", logprob_number(logprob)},
          {"bytes", std::move(bytes)}};
}

}  // namespace

json::array tool_calls_json(const answer_part& part, std::string_view answer_id, bool with_index) {
  json::array out;
  for (const call_part& c : part.calls) {
    json::object function;
    if (!c.name.empty()) function["name"] = c.name;
    function["arguments"] = c.arguments;
    json::object one;
    if (with_index) one["index"] = c.call;
    if (!c.name.empty()) {
      one["id"] = fmt::format("call_{}_{}_{}", answer_id.substr(answer_id.find('-') + 1),
                              part.index, c.call);
      one["type"] = "function";
    }
    one["function"] = std::move(function);
    out.push_back(std::move(one));
  }
  return out;
}

json::array scores_json(const answer_part& part, const tokenizer& vocabulary) {
  json::array out;
  for (const scored_token& s : part.scores) {
    json::object entry = token_entry(s.token, s.logprob.value_or(0), vocabulary);
    json::array top;
    for (const auto& [token, logprob] : s.top)
      if (token >= 0) top.push_back(token_entry(token, logprob, vocabulary));
    entry["top_logprobs"] = std::move(top);
    out.push_back(std::move(entry));
  }
  return out;
}

}  // namespace troupe
