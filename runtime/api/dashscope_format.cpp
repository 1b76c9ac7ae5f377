#include "runtime/api/dashscope_format.hpp"

#include <fmt/format.h>

#include <boost/json/serialize.hpp>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/api/answer_account.hpp"
#include "runtime/api/event_frame.hpp"
#include "runtime/api/message_json.hpp"

namespace troupe {
namespace json = boost::json;
namespace {

json::object usage_object(const usage_counts& usage) {
  json::object out{{"input_tokens", usage.prompt},
                   {"output_tokens", usage.completion},
                   {"total_tokens", usage.prompt + usage.completion},
                   {"prompt_tokens_details", prompt_details_json(usage)}};
  if (usage.reasoning) out["output_tokens_details"] = {{"reasoning_tokens", *usage.reasoning}};
  add_cost(out, usage.cost);
  return out;
}

class dashscope_format final : public answer_format {
 public:
  dashscope_format(answer_header header, dashscope_form form)
      : answer_format(std::move(header)), form_(form), so_far_(this->header().choices) {}

  [[nodiscard]] std::string opening(std::uint32_t) const override { return {}; }
  [[nodiscard]] std::string usage_chunk(const usage_counts&) const override { return {}; }

  [[nodiscard]] std::string chunk(const answer_part& part, const usage_counts& usage) override {
    if (form_.incremental) return message({part}, usage, true);
    answer_part& all = so_far_[part.index];
    all.index = part.index;
    all.add(part);
    return message({all}, usage, false);
  }

  [[nodiscard]] std::string whole(const std::vector<answer_part>& parts,
                                  const usage_counts& usage) const override {
    return message(parts, usage, false);
  }

  [[nodiscard]] std::string frame(std::string_view json, std::uint64_t number) const override {
    return event(number, "result", 200, json);
  }
  [[nodiscard]] std::string error_frame(const api_error& e, std::uint64_t sent) override {
    return event(sent + 1, "error", e.status, dashscope_error(e, header().id));
  }
  [[nodiscard]] std::string ending() const override { return {}; }

 private:
  [[nodiscard]] static std::string event(std::uint64_t number, std::string_view kind, int status,
                                         std::string_view data) {
    return fmt::format("id:{}\nevent:{}\n:HTTP_STATUS/{}\ndata:{}\n\n", number, kind, status,
                       in_one_line(data));
  }

  [[nodiscard]] std::string message(const std::vector<answer_part>& parts,
                                    const usage_counts& usage, bool deltas) const {
    json::object output;
    if (form_.as_text) {
      output["finish_reason"] = finish(parts.front());
      output["text"] = parts.front().text;
    } else {
      json::array choices;
      for (const answer_part& part : parts) choices.push_back(choice(part, deltas));
      output["choices"] = std::move(choices);
    }
    return json::serialize(json::object{{"request_id", header().id},
                                        {"output", std::move(output)},
                                        {"usage", usage_object(usage)}});
  }

  [[nodiscard]] json::object choice(const answer_part& part, bool deltas) const {
    json::object said{{"role", "assistant"}, {"content", part.text}};
    if (!part.reasoning.empty()) said["reasoning_content"] = part.reasoning;
    if (!part.calls.empty()) said["tool_calls"] = tool_calls_json(part, header().id, deltas);
    json::object out{
        {"index", part.index}, {"finish_reason", finish(part)}, {"message", std::move(said)}};
    if (header().logprobs) out["logprobs"] = {{"content", scores_json(part, *header().vocabulary)}};
    return out;
  }

  /// DashScope writes the word null while an answer goes on.
  [[nodiscard]] static json::value finish(const answer_part& part) {
    json::value reason = finish_json(part.finish, part.called);
    return reason.is_null() ? json::value("null") : reason;
  }

  const dashscope_form form_;
  std::vector<answer_part> so_far_;  ///< by choice, where events repeat what came before
};

/// Which limit it was, where one of a key's was it.
std::string_view throttling(const api_error& e) {
  if (e.code == "burst_rate_exceeded") return "Throttling.BurstRate";
  if (e.type == "requests") return "Throttling.RateQuota";
  if (e.type == "tokens" || e.type == "insufficient_quota") return "Throttling.AllocationQuota";
  return "Throttling";
}

/// DashScope's own words for what clients tell apart.
std::string_view error_code(const api_error& e) {
  if (e.code == "model_not_found") return "ModelNotFound";
  switch (e.status) {
    case 400:
    case 413:
      return "InvalidParameter";
    case 401:
      return "InvalidApiKey";
    case 403:
      return "AccessDenied";
    case 404:
      return "NotFound";
    case 429:
      return throttling(e);
    case 503:
      return "ServiceUnavailable";
    case 504:
      return "RequestTimeOut";
    default:
      return "InternalError";
  }
}

class error_translator final : public response_sink {
 public:
  error_translator(std::shared_ptr<response_sink> sink, std::string id)
      : sink_(std::move(sink)), request_id_(std::move(id)) {}

  void begin(int status, std::string_view content_type) override {
    sink_->begin(status, content_type);
  }
  [[nodiscard]] bool write(std::string bytes) override { return sink_->write(std::move(bytes)); }
  void end(std::string last) override { sink_->end(std::move(last)); }
  void fail(const api_error& e) override {
    sink_->begin(e.status, "application/json");
    sink_->end(dashscope_error(e, request_id_));
  }

 private:
  const std::shared_ptr<response_sink> sink_;
  const std::string request_id_;
};

}  // namespace

std::unique_ptr<answer_format> make_dashscope_format(answer_header header, dashscope_form form) {
  return std::make_unique<dashscope_format>(std::move(header), form);
}

std::string dashscope_error(const api_error& e, std::string_view id) {
  return json::serialize(json::object{{"code", std::string(error_code(e))},
                                      {"message", e.message},
                                      {"request_id", json::string_view(id.data(), id.size())}});
}

std::shared_ptr<response_sink> dashscope_errors(std::shared_ptr<response_sink> sink,
                                                std::string id) {
  return std::make_shared<error_translator>(std::move(sink), std::move(id));
}

}  // namespace troupe
