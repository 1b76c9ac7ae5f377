#include <doctest/doctest.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value_to.hpp>
#include <map>
#include <string>

#include "runtime/api/completion_session.hpp"
#include "runtime/api/thinking.hpp"
#include "tests/runtime/api/api_fixture.hpp"

namespace troupe {
namespace {
namespace json = boost::json;

constexpr const char* tools = R"("tools":[{"type":"function","function":{"name":"weather"}}])";

/// A chat answer from a model that marks thoughts and calls.
struct marked_chat {
  test::scripted_service service;
  std::shared_ptr<test::recording_sink> sink = std::make_shared<test::recording_sink>();

  marked_chat(const std::string& options, std::string_view text, std::size_t batch = 3) {
    auto model = std::make_shared<served_model>(*test::tiny_model());
    model->markup = {thought_markup::think, call_markup::hermes};
    api_context context = test::make_context(service);
    context.model = std::move(model);
    const auto session =
        completion_session::begin(context, {api_protocol::chat, test::chat_body(options)}, sink);
    REQUIRE(session != nullptr);
    const auto listener = service.requests.at(1).listener;
    const auto events = test::events_for(text, finish_reason::stop);
    for (std::size_t i = 0; i < events.size() && !service.cancelled.contains(1); i += batch)
      listener->on_tokens(std::span(events).subspan(i, std::min(batch, events.size() - i)));
    if (!service.cancelled.contains(1)) listener->on_done({});
    REQUIRE(sink->ended);
  }
  [[nodiscard]] json::object choice() const {
    return json::parse(sink->body).at("choices").at(0).as_object();
  }
};

/// The message that a stream's deltas add up to, as a client puts it together.
json::object added_up(const test::recording_sink& sink) {
  json::object out{{"content", ""}, {"finish_reason", nullptr}};
  const auto append = [](json::object& to, const char* key, const json::object& from) {
    const json::value* more = from.if_contains(key);
    if (more == nullptr || !more->is_string()) return;
    if (!to.contains(key)) to[key] = "";
    to[key].as_string() += more->as_string();
  };
  for (const json::value& event : sink.events()) {
    if (event.at("choices").as_array().empty()) continue;
    const json::object& choice = event.at("choices").at(0).as_object();
    const json::object& delta = choice.at("delta").as_object();
    for (const char* key : {"content", "reasoning_content", "reasoning"}) append(out, key, delta);
    if (const json::value* calls = delta.if_contains("tool_calls")) {
      if (!out.contains("tool_calls")) out["tool_calls"] = json::array();
      json::array& all = out["tool_calls"].as_array();
      for (const json::value& part : calls->as_array()) {
        const std::size_t index = json::value_to<std::size_t>(part.at("index"));
        if (index == all.size())
          all.push_back({{"id", part.at("id")},
                         {"type", part.at("type")},
                         {"function", {{"name", part.at("function").at("name")}}}});
        append(all.at(index).at("function").as_object(), "arguments",
               part.at("function").as_object());
      }
    }
    if (!choice.at("finish_reason").is_null()) out["finish_reason"] = choice.at("finish_reason");
  }
  return out;
}

const std::string answer =
    "<think>\nRain? Ask.\n</think>\n\nOne moment.\n<tool_call>\n{\"name\": \"weather\", "
    "\"arguments\": {\"city\": \"Köln\"}}\n</tool_call>\n<tool_call>\n{\"name\": \"weather\", "
    "\"arguments\": {\"city\": \"Rom\"}}\n</tool_call>";

TEST_CASE("a message has its thoughts, its content and its calls apart") {
  const marked_chat x(tools, answer);
  const json::object choice = x.choice();
  CHECK(choice.at("finish_reason") == "tool_calls");
  const json::value& message = choice.at("message");
  CHECK(message.at("content") == "One moment.");
  CHECK(message.at("reasoning_content") == "Rain? Ask.");
  CHECK(message.at("reasoning") == "Rain? Ask.");
  const json::array& calls = message.at("tool_calls").as_array();
  REQUIRE(calls.size() == 2);
  CHECK(calls[0].at("type") == "function");
  CHECK(calls[0].at("function").at("name") == "weather");
  CHECK(calls[0].at("function").at("arguments") == "{\"city\": \"Köln\"}");
  CHECK(calls[1].at("function").at("arguments") == "{\"city\": \"Rom\"}");
  CHECK(calls[0].at("id") != calls[1].at("id"));
  const json::value usage = json::parse(x.sink->body).at("usage");
  const auto thoughts = usage.at("completion_tokens_details").at("reasoning_tokens").as_int64();
  CHECK(thoughts > 0);
  CHECK(thoughts < usage.at("completion_tokens").as_int64());
}

TEST_CASE("a stream's deltas add up to the message, whatever the batches") {
  const json::object whole = marked_chat(tools, answer).choice();
  for (const std::size_t batch : {1U, 2U, 7U, 1000U}) {
    const marked_chat x(std::string(tools) + R"(,"stream":true)", answer, batch);
    const json::object sum = added_up(*x.sink);
    CHECK(sum.at("finish_reason") == "tool_calls");
    for (const char* key : {"content", "reasoning_content", "reasoning", "tool_calls"})
      CHECK(sum.at(key) == whole.at("message").at(key));
  }
}

TEST_CASE("a message of calls alone has no content") {
  const marked_chat x(tools, "<tool_call>{\"name\":\"weather\",\"arguments\":{}}</tool_call>");
  CHECK(x.choice().at("message").at("content").is_null());
  CHECK_FALSE(x.choice().at("message").as_object().contains("reasoning"));
}

TEST_CASE("parallel_tool_calls false ends the answer with its first call") {
  const marked_chat x(std::string(tools) + R"(,"parallel_tool_calls":false)", answer, 1);
  CHECK(x.service.cancelled.contains(1));
  CHECK(x.choice().at("finish_reason") == "tool_calls");
  CHECK(x.choice().at("message").at("tool_calls").as_array().size() == 1);
}

TEST_CASE("without tools a call is text, and thoughts can be left out") {
  const marked_chat x(R"("include_reasoning":false)", answer);
  const json::object choice = x.choice();
  CHECK(choice.at("finish_reason") == "stop");
  const json::object& message = choice.at("message").as_object();
  CHECK_FALSE(message.contains("reasoning_content"));
  const std::string content = json::value_to<std::string>(message.at("content"));
  CHECK(content.find("<think>") == std::string::npos);
  CHECK(content.find("<tool_call>") != std::string::npos);
}

const char* const partial =
    R"("messages":[{"role":"user","content":"hi"},
                   {"role":"assistant","content":"<think>well","partial":true}])";

TEST_CASE("an answer goes on in the thought that its prompt has opened") {
  const marked_chat x(partial, ", yes.</think>Hello");
  CHECK(x.choice().at("message").at("reasoning_content") == ", yes.");
  CHECK(x.choice().at("message").at("content") == "Hello");
}

TEST_CASE("a budget ends a thought in tokens, as templates write its end") {
  const tokenizer& tokens = *test::tiny_model()->tokens;
  const token_id opening = tokens.find("<think>");
  const token_id closing = tokens.find("</think>");
  const marked_chat fresh(R"("thinking_budget":7)", answer);
  const forcing_rule& rule = fresh.service.requests.at(1).request.forcing;
  CHECK(rule.opening == opening);
  CHECK(rule.closing == closing);
  CHECK(rule.budget == 7);
  CHECK(tokens.decode(rule.tokens) == "\n</think>\n\n");
  CHECK(std::ranges::count(rule.tokens, closing) == 1);
  const marked_chat begun(std::string(partial) + R"(,"thinking_budget":0)", "</think>Hello");
  CHECK(begun.service.requests.at(1).request.forcing.opening == -1);
  const marked_chat free(R"("thinking_budget":null)", answer);
  CHECK(free.service.requests.at(1).request.forcing == forcing_rule{});
}

TEST_CASE("a budget is kept by a model that has no thoughts, whatever it is") {
  request_options options;
  options.thinking_budget = 3;
  CHECK(limit_thought(*test::tiny_model(), options, false) == forcing_rule{});
}

}  // namespace
}  // namespace troupe
