#include "actors/gateway/batch_line.hpp"

#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <utility>

#include "actors/gateway/response_keeper.hpp"
#include "runtime/api/event_frame.hpp"
#include "runtime/base/sha256.hpp"

namespace troupe::gateway {
namespace json = boost::json;
namespace {

/// Collects one whole answer.
class line_sink final : public response_sink {
 public:
  explicit line_sink(std::function<void(batch_answer)> then) : then_(std::move(then)) {}

  void begin(int status, std::string_view) override { answer_.status = status; }
  [[nodiscard]] bool write(std::string bytes) override {
    answer_.body += bytes;
    return true;
  }
  void end(std::string last) override {
    answer_.body += last;
    then_(std::move(answer_));
  }
  void fail(const api_error& e) override { then_({e.status, e.body(), e.code}); }

 private:
  const std::function<void(batch_answer)> then_;
  batch_answer answer_;
};

json::value parsed(const std::string& text) {
  boost::system::error_code failed;
  json::value v = json::parse(text, failed);
  return failed ? json::value(text) : v;
}

}  // namespace

answer_identity identity_of(std::string_view batch, std::uint64_t line, api_protocol protocol) {
  sha256 hash;
  hash.add(batch);
  hash.add(line);
  const std::string digest = hash.finish();
  answer_identity out;
  const std::string_view prefix = protocol == api_protocol::responses     ? "resp_"
                                  : protocol == api_protocol::completions ? "cmpl-"
                                                                          : "chatcmpl-";
  out.id = fmt::format("{}{}", prefix, digest.substr(0, 32));
  out.created = unix_time();
  std::from_chars(digest.data() + 32, digest.data() + 48, out.seed, 16);
  return out;
}

std::shared_ptr<completion_session> ask_batch_line(const unattended_session& with,
                                                   api_protocol protocol,
                                                   const batch_request& request,
                                                   const answer_identity& identity,
                                                   std::function<void(batch_answer)> then) {
  std::shared_ptr<response_sink> sink = std::make_shared<line_sink>(std::move(then));
  const json::value* stream = request.body.if_contains("stream");
  if (stream != nullptr && *stream == true) {
    sink->fail(refuse("stream", "must not be true in a batch").value());
    return nullptr;
  }
  const std::string body = json::serialize(request.body);
  completion_call call{protocol, body};
  call.identity = identity;
  if (protocol == api_protocol::responses) {
    auto read = parse_response_request(body, identity.id, with.context.limits);
    if (read && (read->background || !read->previous.empty()))
      read = refuse(read->background ? "background" : "previous_response_id",
                    "is not possible in a batch");
    if (!read) {
      sink->fail(read.error());
      return nullptr;
    }
    const auto response = std::make_shared<response_call>();
    read->shown["store"] = false;
    response->frame = {read->shown, false, unix_time};
    response->request = std::move(*read);
    const auto keeper = std::make_shared<response_keeper>(
        sink, false, [](const json::object&, const std::function<void(const result<void>&)>& kept) {
          kept({});
        });
    response->watcher = keeper;
    call.response = response;
    sink = keeper;
  }
  return completion_session::begin(with.context, call, sink, with.watch);
}

std::string outcome_text(std::string_view name, const answer_identity& identity,
                         const batch_answer& answer) {
  const std::string digits = identity.id.substr(identity.id.find_first_of("-_") + 1);
  return in_one_line(json::serialize(json::object{{"id", "batch_req_" + digits},
                                                  {"custom_id", std::string(name)},
                                                  {"response",
                                                   {{"status_code", answer.status},
                                                    {"request_id", "req_" + digits},
                                                    {"body", parsed(answer.body)}}},
                                                  {"error", nullptr}}));
}

std::string outcome_text(std::string_view name, std::string_view code, std::string_view message) {
  return in_one_line(json::serialize(
      json::object{{"id", random_name("batch_req")},
                   {"custom_id", std::string(name)},
                   {"response", nullptr},
                   {"error", {{"code", std::string(code)}, {"message", std::string(message)}}}}));
}

}  // namespace troupe::gateway
