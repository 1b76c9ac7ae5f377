#include <fmt/format.h>

#include <boost/json/serialize.hpp>

#include "runtime/api/answer_format.hpp"

namespace troupe {
namespace json = boost::json;
namespace {

constexpr std::string_view object_name = "text_completion";

json::array token_array(const std::vector<token_id>& tokens) {
  return json::array(tokens.begin(), tokens.end());
}

class completion_format final : public answer_format {
 public:
  using answer_format::answer_format;

  [[nodiscard]] std::string opening(std::uint32_t index) const override {
    if (!header().token_ids) return {};
    answer_part nothing;
    nothing.index = index;
    json::object one = choice(nothing);
    one["prompt_token_ids"] = token_array(header().prompts[index / header().choices]);
    return json::serialize(chunk_envelope(object_name, {std::move(one)}));
  }

  [[nodiscard]] std::string chunk(const answer_part& part, const usage_counts&) override {
    json::object one = choice(part);
    if (header().token_ids && !part.tokens.empty()) one["token_ids"] = token_array(part.tokens);
    return json::serialize(chunk_envelope(object_name, {std::move(one)}));
  }

  [[nodiscard]] std::string usage_chunk(const usage_counts& usage) const override {
    json::object chunk = chunk_envelope(object_name, {});
    chunk["usage"] = usage_json(usage);
    return json::serialize(chunk);
  }

  [[nodiscard]] std::string whole(const std::vector<answer_part>& parts,
                                  const usage_counts& usage) const override {
    json::array choices;
    for (const answer_part& part : parts) {
      json::object one = choice(part);
      if (header().token_ids) {
        one["token_ids"] = token_array(part.tokens);
        one["prompt_token_ids"] = token_array(header().prompts[part.index / header().choices]);
      }
      choices.push_back(std::move(one));
    }
    json::object out = envelope(object_name, std::move(choices));
    out["usage"] = usage_json(usage);
    return json::serialize(out);
  }

 private:
  [[nodiscard]] json::object choice(const answer_part& part) const {
    return {{"index", part.index},
            {"text", part.text},
            {"logprobs", logprobs(part)},
            {"finish_reason", finish_json(part.finish)}};
  }

  [[nodiscard]] json::value logprobs(const answer_part& part) const {
    if (!header().logprobs) return nullptr;
    json::array tokens;
    json::array values;
    json::array tops;
    json::array offsets;
    for (const scored_token& s : part.scores) {
      tokens.emplace_back(text(s.token));
      values.push_back(s.logprob ? json::value(logprob_number(*s.logprob)) : json::value(nullptr));
      offsets.emplace_back(s.offset);
      if (!s.logprob) {
        tops.emplace_back(nullptr);
        continue;
      }
      json::object top;
      for (const auto& [token, logprob] : s.top)
        if (token >= 0) top[text(token)] = logprob_number(logprob);
      top[text(s.token)] = logprob_number(*s.logprob);
      tops.emplace_back(std::move(top));
    }
    return {{"tokens", std::move(tokens)},
            {"token_logprobs", std::move(values)},
            {"top_logprobs", std::move(tops)},
            {"text_offset", std::move(offsets)}};
  }

  /// A token that is part of a character is written as OpenAI does: bytes:\xe2\x80.
  [[nodiscard]] std::string text(token_id token) const {
    const std::string_view bytes = header().vocabulary->bytes(token);
    std::string decoded = header().vocabulary->decode(std::span(&token, 1));
    if (decoded == bytes) return decoded;
    std::string out = "bytes:";
    for (const char c : bytes) out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    return out;
  }
};

}  // namespace

std::unique_ptr<answer_format> make_completion_format(answer_header header) {
  return std::make_unique<completion_format>(std::move(header));
}

}  // namespace troupe
