#include "actors/gateway/openapi.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "actors/gateway/router.hpp"
#include "runtime/api/chat_request.hpp"
#include "runtime/api/completion_request.hpp"
#include "runtime/api/response_request.hpp"
#include "runtime/release/release.hpp"
#include "tests/actors/gateway/server_fixture.hpp"

using namespace troupe;
using namespace troupe::gateway;
namespace json = boost::json;
using names = std::set<std::string>;

namespace {

const json::object& document() {
  static const json::value parsed = json::parse(openapi_document());
  return parsed.as_object();
}

const json::object& schema(std::string_view name) {
  return document().at("components").at("schemas").at(name).as_object();
}

/// What a reference within the document stands for; null where there is nothing.
const json::value* find(std::string_view reference) {
  const json::value* at = nullptr;
  const json::object* in = &document();
  for (std::string_view rest = reference.substr(2); !rest.empty();) {
    const std::size_t end = std::min(rest.find('/'), rest.size());
    at = in == nullptr ? nullptr : in->if_contains(rest.substr(0, end));
    if (at == nullptr) return nullptr;
    in = at->if_object();
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return at;
}

const json::object& resolved(const json::value& v) {
  const json::object& object = v.as_object();
  const json::value* reference = object.if_contains("$ref");
  if (reference == nullptr) return object;
  const json::value* target = find(reference->as_string());
  REQUIRE(target != nullptr);
  return target->as_object();
}

names keys(const json::object& object) {
  names out;
  for (const auto& entry : object) out.emplace(entry.key());
  return out;
}

names properties(std::string_view name) { return keys(schema(name).at("properties").as_object()); }

/// Every "$ref" below `v`.
void collect_references(const json::value& v, names& out) {
  if (const json::array* list = v.if_array())
    for (const json::value& entry : *list) collect_references(entry, out);
  const json::object* object = v.if_object();
  if (object == nullptr) return;
  for (const auto& [key, value] : *object) {
    if (key == "$ref") out.emplace(value.as_string());
    collect_references(value, out);
  }
}

/// A request's members: those of a good one, and one more.
std::string body_with(json::object good, const std::string& name, json::value value) {
  good[name] = std::move(value);
  return json::serialize(good);
}

/// The parameter that a request's refusal names; "" where it is taken.
using refused_parameter = std::string (*)(const std::string& body);

/// What the document says of a request's parameters is what its reader does.
void check_bounds(std::string_view name, const json::object& good, refused_parameter refused) {
  REQUIRE(refused(json::serialize(good)).empty());
  for (const auto& [key, described] : schema(name).at("properties").as_object()) {
    const std::string parameter(key);
    if (parameter == "best_of") continue;  // one value only: that of n
    CAPTURE(parameter);
    const auto check = [&](const json::value& value, bool fine) {
      CAPTURE(json::serialize(value));
      CHECK(refused(body_with(good, parameter, value)).starts_with(parameter) == !fine);
    };
    const json::object& one = resolved(described);
    const json::value* type = one.if_contains("type");
    if (type == nullptr || !type->is_array()) continue;
    const json::array& types = type->as_array();
    if (std::ranges::find(types, json::value("null")) != types.end()) check(nullptr, true);
    // No parameter takes every kind of value, and none takes a list that holds an object of these.
    check(json::array{json::object{{"x", 0.5}}}, false);
    if (std::ranges::find(types, json::value("boolean")) != types.end()) check(true, true);
    for (const char* bound : {"minimum", "maximum"})
      if (const json::value* edge = one.if_contains(bound)) {
        check(*edge, true);
        const double beyond = edge->to_number<double>() + (bound[1] == 'i' ? -1 : 1);
        if (std::abs(beyond) < 1e15) check(beyond, false);
      }
    if (const json::value* edge = one.if_contains("exclusiveMinimum")) check(*edge, false);
    if (const json::value* most = one.if_contains("maxItems"))
      check(json::array(most->to_number<std::size_t>() + 1, 1), false);
  }
}

std::string refused_chat(const std::string& body) {
  const auto parsed = parse_chat_request(body, *test::tiny_model());
  return parsed ? std::string() : parsed.error().param;
}

std::string refused_completion(const std::string& body) {
  const auto parsed = parse_completion_request(body, *test::tiny_model());
  return parsed ? std::string() : parsed.error().param;
}

std::string refused_response(const std::string& body) {
  const auto read = parse_response_request(body, "resp_1");
  if (!read) return read.error().param;
  const auto chat = chat_of(*read, {}, *test::tiny_model());
  return chat ? std::string() : chat.error().param;
}

TEST_CASE("every path of the server is in the document, and the reverse") {
  names described;
  for (const auto& [path, methods] : document().at("paths").as_object())
    for (const auto& entry : methods.as_object())
      described.insert(std::string(path) + " " + std::string(entry.key()));
  names served;
  for (const known_path& known : known_paths())
    for (const auto& [method, word] :
         {std::pair("GET", " get"), std::pair("POST", " post"), std::pair("DELETE", " delete")})
      if (find_route(method, known.path).method_fits) served.insert(std::string(known.path) + word);
  CHECK(described == served);
}

TEST_CASE("every parameter that is read is in the document, and the reverse") {
  const served_model& model = *test::tiny_model();
  const auto chat = chat_parameters(model);
  CHECK(properties("ChatCompletionRequest") == names(chat.begin(), chat.end()));
  const auto completion = completion_parameters(model);
  CHECK(properties("CompletionRequest") == names(completion.begin(), completion.end()));
  const auto response = response_parameters();
  CHECK(properties("ResponseRequest") == names(response.begin(), response.end()));
  names dashscope(chat.begin(), chat.end());
  for (const char* elsewhere : {"model", "messages", "stream", "stream_options"})
    dashscope.erase(elsewhere);
  dashscope.insert({"result_format", "incremental_output", "enable_search"});
  CHECK(properties("DashScopeParameters") == dashscope);
}

TEST_CASE("the bounds in the document are those of the readers") {
  const auto good = [](std::string_view rest) {
    json::object body = json::parse(rest).as_object();
    body["model"] = test::tiny_model()->id;
    return body;
  };
  check_bounds("ChatCompletionRequest", good(R"({"stream":true,"logprobs":true,
                        "messages":[{"role":"assistant","content":"Hello"}]})"),
               refused_chat);
  check_bounds("ResponseRequest", good(R"({"input":"Hello"})"), refused_response);
  check_bounds("CompletionRequest", good(R"({"stream":true,"prompt":"Hello"})"),
               refused_completion);
}

TEST_CASE("every reference of the document leads somewhere") {
  names references;
  collect_references(document(), references);
  CHECK(references.size() > 50);
  for (const std::string& reference : references) {
    CAPTURE(reference);
    CHECK(find(reference) != nullptr);
  }
}

TEST_CASE("the document is of this version") {
  CHECK(document().at("openapi") == "3.1.0");
  CHECK(document().at("info").at("version") == release::version);
}

}  // namespace
