#include <boost/json/serialize.hpp>

#include "runtime/api/answer_format.hpp"

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
    json::object chunk = chunk_envelope(
        chunk_object, {choice(index, "delta", {{"role", "assistant"}, {"content", ""}}, nullptr,
                              finish_reason::none)});
    if (index == 0 && header().token_ids)
      chunk["prompt_token_ids"] = token_array(header().prompts.front());
    return json::serialize(chunk);
  }

  [[nodiscard]] std::string chunk(const answer_part& part) const override {
    json::object delta;
    if (!part.text.empty() || part.finish == finish_reason::none) delta["content"] = part.text;
    json::object one = choice(part.index, "delta", std::move(delta), logprobs(part), part.finish);
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
      json::object one =
          choice(part.index, "message",
                 {{"role", "assistant"}, {"content", part.text}, {"refusal", nullptr}},
                 header().logprobs ? json::value{{"content", entries(part)}, {"refusal", nullptr}}
                                   : json::value(nullptr),
                 part.finish);
      if (header().token_ids) one["token_ids"] = token_array(part.tokens);
      choices.push_back(std::move(one));
    }
    json::object out = envelope(whole_object, std::move(choices));
    out["usage"] = usage_json(usage);
    if (header().token_ids) out["prompt_token_ids"] = token_array(header().prompts.front());
    return json::serialize(out);
  }

 private:
  static json::object choice(std::uint32_t index, const char* key, json::object content,
                             json::value scores, finish_reason finish) {
    json::object out;
    out["index"] = index;
    out[key] = std::move(content);
    out["logprobs"] = std::move(scores);
    out["finish_reason"] = finish_json(finish);
    return out;
  }

  [[nodiscard]] json::value logprobs(const answer_part& part) const {
    if (!header().logprobs || part.scores.empty()) return nullptr;
    return {{"content", entries(part)}, {"refusal", nullptr}};
  }

  [[nodiscard]] json::array entries(const answer_part& part) const {
    json::array out;
    for (const scored_token& s : part.scores) {
      json::object entry = token_entry(s.token, s.logprob.value_or(0));
      json::array top;
      for (const auto& [token, logprob] : s.top)
        if (token >= 0) top.push_back(token_entry(token, logprob));
      entry["top_logprobs"] = std::move(top);
      out.push_back(std::move(entry));
    }
    return out;
  }

  /// A token may be part of a character: then its text shows U+FFFD and its bytes say the truth.
  [[nodiscard]] json::object token_entry(token_id token, float logprob) const {
    json::array bytes;
    for (const char c : header().vocabulary->bytes(token))
      bytes.push_back(static_cast<unsigned char>(c));
    return {{"token", header().vocabulary->decode(std::span(&token, 1))},
            {"logprob", logprob_number(logprob)},
            {"bytes", std::move(bytes)}};
  }
};

}  // namespace

std::unique_ptr<answer_format> make_chat_format(answer_header header) {
  return std::make_unique<chat_format>(std::move(header));
}

}  // namespace troupe
