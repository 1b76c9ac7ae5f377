#include "actors/gateway/batch_line.hpp"

#include <fmt/format.h>

#include <array>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <utility>

#include "actors/gateway/response_keeper.hpp"
#include "runtime/api/json_body.hpp"
#include "runtime/base/sha256.hpp"

namespace troupe::gateway {
namespace json = boost::json;
namespace {

constexpr std::size_t longest_name = 512;

struct endpoint_entry {
  std::string_view path;
  api_protocol protocol;
  std::string_view scope;
};
constexpr std::array<endpoint_entry, 3> endpoints{{
    {"/v1/chat/completions", api_protocol::chat, "chat"},
    {"/v1/completions", api_protocol::completions, "completions"},
    {"/v1/responses", api_protocol::responses, "responses"},
}};

/// Collects one whole answer.
class line_sink final : public response_sink {
 public:
  explicit line_sink(std::function<void(batch_answer)> then) : then_(std::move(then)) {}

  void begin(int status, std::string_view) override { answer_.status = status; }
  [[nodiscard]] bool write(std::string bytes) override {
    answer_.body += bytes;
    return true;
  }
  void end() override { then_(std::move(answer_)); }
  void fail(const api_error& e) override { then_({e.status, e.body(), e.code}); }

 private:
  const std::function<void(batch_answer)> then_;
  batch_answer answer_;
};

std::string_view text_at(const json::object& from, const char* key) {
  const json::value* v = from.if_contains(key);
  const json::string* text = v == nullptr ? nullptr : v->if_string();
  return text == nullptr ? std::string_view() : std::string_view(text->data(), text->size());
}

api_error bad_line(std::string_view param, std::string message) {
  api_error e;
  e.param = param;
  e.message = std::move(message);
  e.code = "invalid_request";
  return e;
}

json::value parsed(const std::string& text) {
  boost::system::error_code failed;
  json::value v = json::parse(text, failed);
  return failed ? json::value(text) : v;
}

}  // namespace

std::optional<api_protocol> batch_protocol(std::string_view endpoint) {
  for (const endpoint_entry& e : endpoints)
    if (e.path == endpoint) return e.protocol;
  return std::nullopt;
}

std::string_view batch_scope(std::string_view endpoint) {
  for (const endpoint_entry& e : endpoints)
    if (e.path == endpoint) return e.scope;
  return "admin";
}

api_result<batch_request> read_batch_line(std::string_view line, std::string_view endpoint,
                                          const api_limits& limits) {
  auto object = parse_json_body(line, limits);
  if (!object) return tl::unexpected(std::move(object.error()));
  batch_request out;
  out.name = text_at(*object, "custom_id");
  if (out.name.empty() || out.name.size() > longest_name)
    return tl::unexpected(bad_line(
        "custom_id", fmt::format("custom_id must be a string of 1 to {} bytes", longest_name)));
  if (text_at(*object, "method") != "POST")
    return tl::unexpected(bad_line("method", "method must be 'POST'"));
  if (text_at(*object, "url") != endpoint)
    return tl::unexpected(
        bad_line("url", fmt::format("url must be the batch's endpoint, '{}'", endpoint)));
  json::value* body = object->if_contains("body");
  if (body == nullptr || !body->is_object())
    return tl::unexpected(bad_line("body", "body must be an object"));
  out.body = std::move(body->get_object());
  return out;
}

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
  return json::serialize(json::object{{"id", "batch_req_" + digits},
                                      {"custom_id", std::string(name)},
                                      {"response",
                                       {{"status_code", answer.status},
                                        {"request_id", "req_" + digits},
                                        {"body", parsed(answer.body)}}},
                                      {"error", nullptr}});
}

std::string outcome_text(std::string_view name, std::string_view code, std::string_view message) {
  return json::serialize(
      json::object{{"id", random_name("batch_req")},
                   {"custom_id", std::string(name)},
                   {"response", nullptr},
                   {"error", {{"code", std::string(code)}, {"message", std::string(message)}}}});
}

}  // namespace troupe::gateway
