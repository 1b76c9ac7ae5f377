#include "actors/gateway/batch_request.hpp"

#include <fmt/format.h>

#include <array>
#include <boost/json/value.hpp>
#include <utility>

#include "runtime/api/json_body.hpp"

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

}  // namespace troupe::gateway
