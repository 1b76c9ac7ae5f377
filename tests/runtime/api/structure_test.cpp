#include "runtime/api/structure_fields.hpp"

#include <doctest/doctest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <string>

#include "runtime/api/chat_request.hpp"
#include "runtime/api/structure_limits.hpp"
#include "tests/runtime/api/api_fixture.hpp"

namespace troupe {
namespace json = boost::json;
namespace {

/// The tiny model, marking thoughts and calls as Qwen does, and able to hold answers.
const served_model& marked_model() {
  static const served_model model = [] {
    served_model m = *test::tiny_model();
    m.markup = {thought_markup::think, call_markup::hermes};
    m.structures = make_structure_library(m.tokens, m.files->config().vocab, m.files->config().eos);
    return m;
  }();
  return model;
}

api_result<chat_request> parsed(const std::string& rest) {
  return parse_chat_request(test::chat_body(rest), marked_model());
}

json::value structure_of(const std::string& rest) {
  const auto request = parsed(rest);
  REQUIRE_MESSAGE(request, request.error().message);
  return json::parse(request->options.structure);
}

std::string refused(const std::string& rest) {
  const auto request = parsed(rest);
  REQUIRE_FALSE(request);
  return request.error().message;
}

const std::string tools =
    R"("tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}},
                {"type":"function","function":{"name":"g"}}])";

TEST_CASE("each parameter that holds an answer becomes its structure") {
  const auto object = structure_of(R"("response_format":{"type":"json_object"})");
  CHECK(object.at("type") == "json_schema");
  CHECK(object.at("json_schema").at("type") == "object");
  const auto schema = structure_of(
      R"("response_format":{"type":"json_schema","json_schema":{"name":"x","strict":true,
         "schema":{"type":"integer"}}})");
  CHECK(schema.at("json_schema").at("type") == "integer");
  CHECK(structure_of(R"("guided_json":"{\"type\":\"null\"}")").at("json_schema").at("type") ==
        "null");
  CHECK(structure_of(R"("guided_regex":"a+")").at("pattern") == "a+");
  CHECK(structure_of(R"("guided_grammar":"root ::= \"a\"")").at("grammar") == "root ::= \"a\"");
  CHECK(structure_of(R"("guided_choice":["a","b"])").at("elements").as_array().size() == 2);
  CHECK(structure_of(R"("structured_outputs":{"regex":"a+"})").at("pattern") == "a+");
  CHECK(structure_of(R"("structured_outputs":{"json_object":true})").at("type") == "json_schema");
  CHECK(parsed(R"("response_format":{"type":"text"})")->options.structure.empty());
}

TEST_CASE("calls that must be made are the whole structure, and may be beside a format") {
  const auto any = structure_of(R"("tool_choice":"required",)" + tools);
  CHECK(any.at("type") == "tags_with_separator");
  CHECK(any.at("tags").as_array().size() == 2);
  CHECK(any.at("stop_after_first") == false);
  CHECK(any.at("tags").at(0).at("begin") == "<tool_call>\n{\"name\": \"f\", \"arguments\": ");
  const auto one =
      structure_of(R"("tool_choice":{"type":"function","function":{"name":"g"}},)" + tools);
  CHECK(one.at("tags").as_array().size() == 1);
  CHECK(one.at("stop_after_first") == true);
  CHECK(structure_of(R"("parallel_tool_calls":false,"tool_choice":"required",)" + tools)
            .at("stop_after_first") == true);
  const auto either = structure_of(R"("response_format":{"type":"json_object"},)" + tools);
  CHECK(either.at("type") == "or");
  CHECK(structure_of(R"("tool_choice":"none","response_format":{"type":"json_object"},)" + tools)
            .at("type") == "json_schema");
  CHECK(parsed(tools)->options.structure.empty());
}

TEST_CASE("what cannot be is refused, and says why") {
  CHECK(refused(R"("guided_regex":"a","guided_choice":["b"])") ==
        "guided_choice cannot be combined with guided_regex");
  CHECK(refused(R"("guided_regex":"a","ignore_eos":true)").starts_with("ignore_eos"));
  CHECK(refused(R"("tool_choice":"required")") == "tool_choice needs tools to choose from");
  CHECK(refused(R"("tool_choice":{"type":"function","function":{"name":"h"}},)" + tools)
            .find("'h', which is not among tools") != std::string::npos);
  CHECK(refused(R"("response_format":{"type":"xml"})").find("got 'xml'") != std::string::npos);
  CHECK(refused(R"("response_format":{"type":"json_schema"})").find("needs json_schema") !=
        std::string::npos);
  CHECK(refused(R"("structured_outputs":{})").starts_with("structured_outputs must have"));
  CHECK(refused(R"("structured_outputs":{"regex":"a","choice":["b"]})").find("one of") !=
        std::string::npos);
  CHECK(refused(R"("guided_choice":[])") == "guided_choice must not be an empty list");
}

std::string why_not(const std::string& schema) {
  return refusal_of_schema(json::parse(schema)).value_or("");
}

TEST_CASE("a schema is refused for its size, its references and what has no end") {
  CHECK(why_not(R"({"type":"object","properties":{"a":{"$ref":"#"}}})").empty());
  CHECK(why_not(R"({"type":"array","items":{"$ref":"#"}})").empty());
  CHECK(why_not(R"({"$defs":{"n":{"type":"object","properties":{"next":
                    {"anyOf":[{"$ref":"#/$defs/n"},{"type":"null"}]}},"required":["next"]}},
                    "$ref":"#/$defs/n"})")
            .empty());
  for (const char* endless :
       {R"({"$ref":"#"})", R"({"type":"object","properties":{"a":{"$ref":"#"}},"required":["a"]})",
        R"({"type":"array","items":{"$ref":"#"},"minItems":1})",
        R"({"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}},"$ref":"#/$defs/a"})",
        R"({"anyOf":[{"$ref":"#"},{"allOf":[{"type":"null"},{"$ref":"#"}]}]})"}) {
    CAPTURE(endless);
    CHECK(why_not(endless).find("no end") != std::string::npos);
  }
  CHECK(why_not(R"({"$ref":"#/$defs/x"})").find("not in it") != std::string::npos);
  CHECK(why_not(R"({"$ref":"http://example.com/x"})").find("not in it") != std::string::npos);
  CHECK(why_not(R"({"type":"string","maxLength":1000000})").find("maxLength") != std::string::npos);
  CHECK(why_not(R"({"type":"array","minItems":-1})").find("minItems") != std::string::npos);
  CHECK(why_not(R"({"type":"string","pattern":"(a{1000}){1000}"})").find("pattern") !=
        std::string::npos);
  std::string wide = R"({"enum":[0)";
  for (int i = 1; i < 9000; ++i) wide += ",1";
  CHECK(why_not(wide + "]}").find("8192 values") != std::string::npos);
  std::string deep;
  for (int i = 0; i < 30; ++i) deep += R"({"type":"array","items":)";
  deep += "true" + std::string(30, '}');
  CHECK(why_not(deep).empty());
  CHECK(why_not(R"({"const":")" + std::string(200'000, 'x') + "\"}").find("bytes") !=
        std::string::npos);
}

TEST_CASE("an expression is refused for what it would be with its repetitions written out") {
  CHECK_FALSE(refusal_of_regex(R"([a-z]+@[a-z]+\.(com|org){1,3})"));
  CHECK_FALSE(refusal_of_regex("a{8000}"));
  CHECK_FALSE(refusal_of_regex(R"((\d{1,3}\.){3}\d{1,3})"));
  CHECK(refusal_of_regex("(.{0,20}){20}"));
  CHECK(refusal_of_regex("([a-z]{0,30}){30}"));
  CHECK(refusal_of_regex("a{99999999999999999999}"));
  CHECK(refusal_of_regex("(a{200}){200}"));
  CHECK(refusal_of_regex("((((a{10}){10}){10}){10}){10}"));
  CHECK(refusal_of_regex(std::string(100, '(') + std::string(100, ')')));
  CHECK(refusal_of_regex(std::string(5000, 'a')));
  CHECK_FALSE(refusal_of_regex(R"([{(]{2}\{9999999\})"));
  CHECK_FALSE(refusal_of_grammar("root ::= \"(((((\" [a-z]{1,9} | root \"x{99999999}\""));
  CHECK(refusal_of_grammar("root ::= (\"abc\"{1000}){1000}"));
  std::string many;
  for (int i = 0; i < 600; ++i) many += "r" + std::to_string(i) + " ::= \"a\"\n";
  CHECK(refusal_of_grammar(many));
}

TEST_CASE("a held request carries its structure, and where its thought is") {
  test::scripted_service service;
  api_context context = test::make_context(service);
  context.model = std::make_shared<served_model>(marked_model());
  const auto rule_of = [&](const std::string& rest) {
    auto sink = std::make_shared<test::recording_sink>();
    const std::string body = test::chat_body(rest);
    const auto session = completion_session::begin(context, {api_protocol::chat, body}, sink);
    REQUIRE_MESSAGE(session, (sink->failure ? sink->failure->message : ""));
    return service.requests.rbegin()->second.request.guide;
  };
  const guide_rule thinking = rule_of(R"("guided_regex":"a+")");
  CHECK(thinking.holds());
  CHECK(thinking.opening == 707);
  CHECK(thinking.closing == 708);
  const guide_rule silent = rule_of(R"("guided_regex":"a+","enable_thinking":false)");
  CHECK(silent.closing == -1);
  CHECK(silent.structure == thinking.structure);
  CHECK_FALSE(rule_of(R"("n":1)").holds());
}

TEST_CASE("a structure that cannot be compiled is refused with its parameter") {
  test::scripted_service service;
  api_context context = test::make_context(service);
  const auto failure = [&](const std::string& rest) {
    auto sink = std::make_shared<test::recording_sink>();
    const std::string body = test::chat_body(rest);
    CHECK_FALSE(completion_session::begin(context, {api_protocol::chat, body}, sink));
    REQUIRE(sink->failure);
    return *sink->failure;
  };
  CHECK(failure(R"("guided_regex":"a+")").message.find("cannot be held") != std::string::npos);
  context.model = std::make_shared<served_model>(marked_model());
  const api_error broken = failure(R"("guided_grammar":"root ::= nothing")");
  CHECK(broken.status == 400);
  CHECK(broken.param == "guided_grammar");
  CHECK(broken.code == "invalid_structure");
}

}  // namespace
}  // namespace troupe
