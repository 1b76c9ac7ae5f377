#include "runtime/api/response_format.hpp"

#include <boost/json/serialize.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/api/answer_account.hpp"
#include "runtime/api/event_frame.hpp"
#include "runtime/api/response_output.hpp"

namespace troupe {
namespace json = boost::json;
namespace {

json::object usage_object(const usage_counts& usage) {
  json::object out{
      {"input_tokens", usage.prompt},
      {"input_tokens_details", {{"cached_tokens", usage.cached}, {"cache_write_tokens", 0}}},
      {"output_tokens", usage.completion},
      {"output_tokens_details", {{"reasoning_tokens", usage.reasoning.value_or(0)}}},
      {"total_tokens", usage.prompt + usage.completion}};
  add_cost(out, usage.cost);
  return out;
}

class response_format final : public answer_format {
 public:
  response_format(answer_header header, response_frame frame,
                  std::shared_ptr<response_watcher> watcher)
      : answer_format(std::move(header)),
        frame_(std::move(frame)),
        watcher_(std::move(watcher)),
        output_(this->header().id.substr(this->header().id.find('_') + 1), this->header().logprobs,
                this->header().vocabulary, [this](std::string_view type, json::object event) {
                  if (type == "response.output_item.done")
                    watcher_->on_item(event.at("item").as_object());
                  tell(type, std::move(event));
                }) {}

  [[nodiscard]] std::string preamble() override {
    if (frame_.queued) {
      tell("response.created", {{"response", now("queued")}});
      tell("response.queued", {{"response", now("queued")}});
    } else {
      tell("response.created", {{"response", now("in_progress")}});
    }
    tell("response.in_progress", {{"response", now("in_progress")}});
    return std::exchange(events_, {});
  }

  [[nodiscard]] std::string opening(std::uint32_t) const override { return {}; }
  [[nodiscard]] std::string usage_chunk(const usage_counts&) const override { return {}; }
  [[nodiscard]] std::string whole(const std::vector<answer_part>&,
                                  const usage_counts&) const override {
    return {};
  }

  [[nodiscard]] std::string chunk(const answer_part& part, const usage_counts& usage) override {
    output_.add(part);
    if (part.finish == finish_reason::none) return std::exchange(events_, {});
    const bool whole = part.finish == finish_reason::stop;
    output_.close(whole);
    json::object response = now(whole ? "completed" : "incomplete");
    response["usage"] = usage_object(usage);
    if (whole)
      response["completed_at"] = frame_.now();
    else
      response["incomplete_details"] = {{"reason", "max_output_tokens"}};
    watcher_->on_end(response);
    tell(whole ? "response.completed" : "response.incomplete", {{"response", std::move(response)}});
    return std::exchange(events_, {});
  }

  [[nodiscard]] std::string frame(std::string_view events, std::uint64_t) const override {
    return std::string(events);
  }
  [[nodiscard]] std::string error_frame(const api_error& e, std::uint64_t) override {
    json::object response = failed_response(now("failed"), e);
    watcher_->on_failure(response, e);
    tell("response.failed", {{"response", std::move(response)}});
    return std::exchange(events_, {});
  }
  [[nodiscard]] std::string ending() const override { return {}; }

 private:
  [[nodiscard]] json::object now(std::string_view status) const {
    json::object out =
        response_object(frame_, header().id, header().created, header().model, status);
    out["output"] = output_.items();
    return out;
  }

  void tell(std::string_view type, json::object event) {
    event["type"] = json::string_view(type.data(), type.size());
    event["sequence_number"] = next_++;
    events_ += event_frame(json::serialize(event), type);
  }

  const response_frame frame_;
  const std::shared_ptr<response_watcher> watcher_;
  std::string events_;
  std::uint64_t next_ = 0;
  response_output output_;
};

}  // namespace

json::object response_object(const response_frame& frame, std::string_view id, std::int64_t created,
                             std::string_view model, std::string_view status) {
  json::object out{{"id", json::string_view(id.data(), id.size())},
                   {"object", "response"},
                   {"created_at", created},
                   {"status", json::string_view(status.data(), status.size())},
                   {"error", nullptr},
                   {"incomplete_details", nullptr},
                   {"model", json::string_view(model.data(), model.size())},
                   {"output", json::array()},
                   {"usage", nullptr}};
  for (const auto& [key, value] : frame.shown) out[key] = value;
  return out;
}

json::object failed_response(json::object response, const api_error& e) {
  response["status"] = "failed";
  response["error"] = {{"code", e.status == 429 ? "rate_limit_exceeded" : "server_error"},
                       {"message", e.message}};
  return response;
}

std::unique_ptr<answer_format> make_response_format(answer_header header, response_frame frame,
                                                    std::shared_ptr<response_watcher> watcher) {
  return std::make_unique<response_format>(std::move(header), std::move(frame), std::move(watcher));
}

}  // namespace troupe
