#include "runtime/api/response_output.hpp"

#include <fmt/format.h>

#include <utility>

#include "runtime/api/message_json.hpp"

namespace troupe {
namespace json = boost::json;

response_output::response_output(std::string id, bool scores,
                                 std::shared_ptr<const tokenizer> vocabulary, teller tell)
    : id_(std::move(id)),
      scores_wanted_(scores),
      vocabulary_(std::move(vocabulary)),
      tell_(std::move(tell)) {}

void response_output::tell(std::string_view type, json::object event) {
  event["output_index"] = items_.size();
  if (type != "response.output_item.added" && type != "response.output_item.done")
    event["item_id"] = item_id_;
  if (kind_ != kind::call && event.contains("item_id")) event["content_index"] = 0;
  tell_(type, std::move(event));
}

json::object response_output::part_of(const std::string& text) const {
  if (kind_ == kind::reasoning) return {{"type", "reasoning_text"}, {"text", text}};
  json::object part{{"type", "output_text"}, {"text", text}, {"annotations", json::array()}};
  part["logprobs"] = scores_;
  return part;
}

json::object response_output::item(std::string_view status) const {
  json::object out{{"id", item_id_}, {"status", json::string_view(status.data(), status.size())}};
  const bool begun = status != "in_progress";
  switch (kind_) {
    case kind::reasoning:
      out["type"] = "reasoning";
      out["summary"] = json::array();
      out["content"] = begun ? json::array{part_of(text_)} : json::array();
      break;
    case kind::call:
      out["type"] = "function_call";
      out["call_id"] = fmt::format("call_{}_{}", id_, call_);
      out["name"] = name_;
      out["arguments"] = text_;
      break;
    case kind::message:
    case kind::none:
      out["type"] = "message";
      out["role"] = "assistant";
      out["content"] = begun ? json::array{part_of(text_)} : json::array();
      break;
  }
  return out;
}

void response_output::open(kind k) {
  if (kind_ == k && k != kind::call) return;
  close(true);
  kind_ = k;
  const char* prefix = k == kind::reasoning ? "rs" : k == kind::message ? "msg" : "fc";
  item_id_ = fmt::format("{}_{}_{}", prefix, id_, items_.size());
  tell("response.output_item.added", {{"item", item("in_progress")}});
  if (k != kind::call) tell("response.content_part.added", {{"part", part_of({})}});
}

void response_output::open_call(const call_part& part) {
  close(true);
  name_ = part.name;
  call_ = part.call;
  open(kind::call);
}

void response_output::grow(kind k, const std::string& text, const answer_part& part) {
  open(k);
  text_ += text;
  json::object event{{"delta", text}};
  if (k == kind::message) {
    json::array scores;
    if (scores_wanted_) scores = scores_json(part, *vocabulary_);
    scores_.insert(scores_.end(), scores.begin(), scores.end());
    event["logprobs"] = std::move(scores);
  }
  tell(k == kind::reasoning ? "response.reasoning_text.delta" : "response.output_text.delta",
       std::move(event));
}

void response_output::add(const answer_part& part) {
  if (!part.reasoning.empty()) grow(kind::reasoning, part.reasoning, part);
  const bool scored = scores_wanted_ && !part.scores.empty() && kind_ == kind::message;
  if (!part.text.empty() || scored) grow(kind::message, part.text, part);
  for (const call_part& call : part.calls) {
    if (kind_ != kind::call || call_ != call.call) open_call(call);
    if (call.arguments.empty()) continue;
    text_ += call.arguments;
    tell("response.function_call_arguments.delta", {{"delta", call.arguments}});
  }
}

void response_output::close(bool whole) {
  if (kind_ == kind::none) return;
  switch (kind_) {
    case kind::reasoning:
      tell("response.reasoning_text.done", {{"text", text_}});
      tell("response.content_part.done", {{"part", part_of(text_)}});
      break;
    case kind::message:
      tell("response.output_text.done", {{"text", text_}, {"logprobs", scores_}});
      tell("response.content_part.done", {{"part", part_of(text_)}});
      break;
    case kind::call:
      tell("response.function_call_arguments.done", {{"arguments", text_}, {"name", name_}});
      break;
    case kind::none:
      break;
  }
  json::object done = item(whole ? "completed" : "incomplete");
  tell("response.output_item.done", {{"item", done}});
  items_.push_back(std::move(done));
  kind_ = kind::none;
  text_.clear();
  scores_.clear();
}

}  // namespace troupe
