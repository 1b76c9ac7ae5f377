#include <boost/json/serialize.hpp>
#include <string>
#include <string_view>

#include "runtime/api/answer_format.hpp"
#include "runtime/api/message_json.hpp"

namespace troupe {
namespace json = boost::json;
namespace {

constexpr std::string_view whole_object = "chat.completion";
constexpr std::string_view chunk_object = "chat.completion.chunk";

json::array token_array(const std::vector<token_id>& tokens) {
  return json::array(tokens.begin(), tokens.end());
}

class chat_format final : public answer_format {
 public:
  using answer_format::answer_format;

  [[nodiscard]] std::string opening(std::uint32_t index) const override {
    answer_part begun;
    begun.index = index;
    json::object chunk = chunk_envelope(
        chunk_object, {choice(begun, "delta", {{"role", "assistant"}, {"content", ""}}, nullptr)});
    if (index == 0 && header().token_ids)
      chunk["prompt_token_ids"] = token_array(header().prompts.front());
    return json::serialize(chunk);
  }

  [[nodiscard]] std::string chunk(const answer_part& part, const usage_counts&) override {
    json::object delta;
    add_reasoning(part, delta);
    if (!part.calls.empty()) delta["tool_calls"] = tool_calls_json(part, header().id, true);
    if (!part.text.empty() || (delta.empty() && part.finish == finish_reason::none))
      delta["content"] = part.text;
    json::object one = choice(part, "delta", std::move(delta), logprobs(part));
    if (header().token_ids && !part.tokens.empty()) one["token_ids"] = token_array(part.tokens);
    return json::serialize(chunk_envelope(chunk_object, {std::move(one)}));
  }

  [[nodiscard]] std::string usage_chunk(const usage_counts& usage) const override {
    json::object chunk = chunk_envelope(chunk_object, {});
    chunk["usage"] = usage_json(usage);
    return json::serialize(chunk);
  }

  [[nodiscard]] std::string whole(const std::vector<answer_part>& parts,
                                  const usage_counts& usage) const override {
    json::array choices;
    for (const answer_part& part : parts) {
      json::object message{{"role", "assistant"}, {"content", part.text}, {"refusal", nullptr}};
      add_reasoning(part, message);
      if (!part.calls.empty()) {
        message["tool_calls"] = tool_calls_json(part, header().id, false);
        if (part.text.empty()) message["content"] = nullptr;
      }
      json::object one = choice(
          part, "message", std::move(message),
          header().logprobs ? json::value{{"content", scores_json(part, *header().vocabulary)},
                                          {"refusal", nullptr}}
                            : json::value(nullptr));
      if (header().token_ids) one["token_ids"] = token_array(part.tokens);
      choices.push_back(std::move(one));
    }
    json::object out = envelope(whole_object, std::move(choices));
    out["usage"] = usage_json(usage);
    if (header().token_ids) out["prompt_token_ids"] = token_array(header().prompts.front());
    return json::serialize(out);
  }

 private:
  static json::object choice(const answer_part& part, const char* key, json::object content,
                             json::value scores) {
    json::object out;
    out["index"] = part.index;
    out[key] = std::move(content);
    out["logprobs"] = std::move(scores);
    out["finish_reason"] = finish_json(part.finish, part.called);
    return out;
  }

  /// Under both names that clients know: Qwen's own and OpenRouter's.
  static void add_reasoning(const answer_part& part, json::object& to) {
    if (part.reasoning.empty()) return;
    to["reasoning_content"] = part.reasoning;
    to["reasoning"] = part.reasoning;
  }

  [[nodiscard]] json::value logprobs(const answer_part& part) const {
    if (!header().logprobs || part.scores.empty()) return nullptr;
    return {{"content", scores_json(part, *header().vocabulary)}, {"refusal", nullptr}};
  }
};

}  // namespace

std::unique_ptr<answer_format> make_chat_format(answer_header header) {
  return std::make_unique<chat_format>(std::move(header));
}

}  // namespace troupe
