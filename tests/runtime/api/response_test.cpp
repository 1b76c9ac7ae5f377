#include <doctest/doctest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <string>
#include <vector>

#include "runtime/api/completion_session.hpp"
#include "runtime/api/response_items.hpp"
#include "tests/runtime/api/api_fixture.hpp"

namespace troupe {
namespace {
namespace json = boost::json;
using test::events_for;

std::string body(std::string_view rest) { return R"({"model":"tiny",)" + std::string(rest) + "}"; }

std::string refused(std::string_view rest) {
  const auto read = parse_response_request(body(rest), "resp_1");
  if (!read) return read.error().param;
  const auto chat = chat_of(*read, {}, *test::tiny_model());
  return chat ? std::string() : chat.error().param;
}

/// What a session tells of a response.
class recording_watcher final : public response_watcher {
 public:
  void on_item(const json::object& item) override { items.push_back(item); }
  void on_end(json::object response) override { ended = std::move(response); }
  void on_failure(json::object response, const api_error& why) override {
    ended = std::move(response);
    failure = why;
  }
  json::array items;
  json::object ended;
  std::optional<api_error> failure;
};

struct exchange {
  test::scripted_service service;
  std::shared_ptr<test::recording_sink> sink = std::make_shared<test::recording_sink>();
  std::shared_ptr<recording_watcher> watcher = std::make_shared<recording_watcher>();
  std::shared_ptr<completion_session> session;
  api_context context = test::make_context(service);

  explicit exchange(std::string_view rest, message_markup markup = {}) {
    auto model = *context.model;
    model.markup = markup;
    context.model = std::make_shared<const served_model>(model);
    const auto call = std::make_shared<response_call>();
    call->request = parse_response_request(body(rest), "resp_7").value();
    call->frame = {call->request.shown, false, [] { return std::int64_t{1700000009}; }};
    call->watcher = watcher;
    completion_call asked{api_protocol::responses, {}};
    asked.identity = answer_identity{"resp_7", 1700000000, 42};
    asked.response = call;
    session = completion_session::begin(context, asked, sink);
    REQUIRE(session != nullptr);
  }
  void tell(std::string_view text, finish_reason finish) {
    for (const token_event& event : events_for(text, finish))
      service.requests.at(1).listener->on_tokens(std::span(&event, 1));
    service.requests.at(1).listener->on_done({});
  }
  [[nodiscard]] std::vector<json::object> events() const {
    std::vector<json::object> out;
    for (std::size_t from = 0; (from = sink->body.find("data: ", from)) != std::string::npos;) {
      const std::size_t end = sink->body.find('\n', from);
      out.push_back(json::parse(sink->body.substr(from + 6, end - from - 6)).as_object());
      from = end;
    }
    return out;
  }
};

TEST_CASE("items become messages, and what an assistant does in a row becomes one") {
  const auto items = read_input_items(json::parse(R"([
    {"role":"developer","content":"Be kind"},
    {"role":"user","content":[{"type":"input_text","text":"a"},{"type":"input_text","text":"b"}]},
    {"type":"reasoning","summary":[],"content":[{"type":"reasoning_text","text":"hm"}]},
    {"type":"message","role":"assistant","content":[{"type":"output_text","text":"yes"}],"id":"m"},
    {"type":"function_call","call_id":"c1","name":"f","arguments":"{}"},
    {"type":"function_call","call_id":"c2","name":"g","arguments":"{\"x\":1}"},
    {"type":"function_call_output","call_id":"c1","output":"one"},
    {"type":"function_call_output","call_id":"c2","output":[{"type":"input_text","text":"two"}]}
  ])"),
                                      "resp_1", {});
  REQUIRE(items);
  CHECK(items->at(3).at("id") == "m");
  CHECK(items->at(0).at("id").as_string().starts_with("msg_in0_1"));
  const json::array messages = messages_of(*items);
  REQUIRE(messages.size() == 5);
  CHECK(messages[1].at("content") == "a\nb");
  CHECK(messages[2].at("content") == "yes");
  CHECK(messages[2].at("reasoning_content") == "hm");
  CHECK(messages[2].at("tool_calls").as_array().size() == 2);
  CHECK(messages[2].at("tool_calls").at(1).at("function").at("arguments") == R"({"x":1})");
  CHECK(messages[4].at("role") == "tool");
  CHECK(messages[4].at("tool_call_id") == "c2");
  CHECK(messages[4].at("content") == "two");
}

TEST_CASE("a refusal names the parameter as this endpoint has it") {
  CHECK(refused(R"("input":"a")").empty());
  CHECK(refused(R"("instructions":"a")") == "input");
  CHECK(refused(R"("input":[])") == "input");
  CHECK(refused(R"("input":[{"role":"robot","content":"a"}])") == "input[0].role");
  CHECK(refused(R"("input":[{"role":"user","content":[{"type":"input_image"}]}])") ==
        "input[0].content[0]");
  CHECK(refused(R"("input":[{"type":"item_reference","id":"x"}])") == "input[0]");
  CHECK(refused(R"("input":"a","max_output_tokens":0)") == "max_output_tokens");
  CHECK(refused(R"("input":"a","temperature":3)") == "temperature");
  CHECK(refused(R"("input":"a","tools":[{"type":"mcp"}])") == "tools[0]");
  CHECK(refused(R"("input":"a","tool_choice":{"type":"x"})") == "tool_choice");
  CHECK(refused(R"("input":"a","background":true,"store":false)") == "background");
  CHECK(refused(R"("input":"a","metadata":{"a":1})") == "metadata");
  CHECK(refused(R"("input":"a","messages":[{}])") == "messages");
  CHECK(refused(R"("input":"a","max_output_token":5)") == "max_output_token");
}

TEST_CASE("events are typed, numbered and add up to the response") {
  exchange e(R"("input":"Hello","metadata":{"a":"b"},"stream":true)");
  e.tell("Good day", finish_reason::stop);
  const auto events = e.events();
  std::string text;
  for (std::size_t i = 0; i < events.size(); ++i) {
    CHECK(events[i].at("sequence_number") == i);
    if (events[i].at("type") == "response.output_text.delta")
      text += events[i].at("delta").as_string().c_str();
  }
  CHECK(text == "Good day");
  CHECK(events.front().at("type") == "response.created");
  CHECK(events.back().at("type") == "response.completed");
  const json::object& response = events.back().at("response").as_object();
  CHECK(response == e.watcher->ended);
  CHECK(response.at("status") == "completed");
  CHECK(response.at("completed_at") == 1700000009);
  CHECK(response.at("metadata").at("a") == "b");
  CHECK(response.at("output").at(0).at("content").at(0).at("text") == "Good day");
  CHECK(response.at("output") == e.watcher->items);
  CHECK(e.sink->ended);
}

TEST_CASE("thoughts and calls are items of their own") {
  exchange e(R"("input":"Hello","tools":[{"type":"function","name":"look","parameters":{}}])",
             {thought_markup::think, call_markup::hermes});
  e.tell(R"(<think>Hm</think>Wait<tool_call>{"name":"look","arguments":{"at":1}}</tool_call>)",
         finish_reason::stop);
  const json::array& output = e.watcher->ended.at("output").as_array();
  REQUIRE(output.size() == 3);
  CHECK(output[0].at("type") == "reasoning");
  CHECK(output[0].at("content").at(0).at("text") == "Hm");
  CHECK(output[1].at("content").at(0).at("text") == "Wait");
  CHECK(output[2].at("type") == "function_call");
  CHECK(output[2].at("name") == "look");
  CHECK(output[2].at("arguments") == R"({"at":1})");
  CHECK(output[2].at("status") == "completed");
  // They go back in as they came out.
  const auto again = read_input_items(output, "resp_8", {});
  REQUIRE(again);
  CHECK(messages_of(*again).size() == 1);
}

TEST_CASE("an answer cut short is incomplete, and one that fails says why") {
  exchange cut(R"("input":"Hello")");
  cut.tell("Good", finish_reason::length);
  CHECK(cut.watcher->ended.at("status") == "incomplete");
  CHECK(cut.watcher->ended.at("incomplete_details").at("reason") == "max_output_tokens");
  exchange bad(R"("input":"Hello")");
  bad.service.requests.at(1).listener->on_error({errc::internal, "oh"});
  CHECK(bad.watcher->ended.at("status") == "failed");
  CHECK(bad.events().back().at("type") == "response.failed");
  REQUIRE(bad.watcher->failure);
  CHECK(bad.watcher->failure->message == "oh");
}

TEST_CASE("the same identity draws the same, however its tokens come") {
  exchange one(R"("input":"Hello")");
  CHECK(one.service.requests.at(1).request.sampling.seed == 42);
  one.tell("Good day", finish_reason::stop);
  exchange all(R"("input":"Hello")");
  all.service.requests.at(1).listener->on_tokens(events_for("Good day", finish_reason::stop));
  all.service.requests.at(1).listener->on_done({});
  CHECK(one.sink->body == all.sink->body);
}

}  // namespace
}  // namespace troupe
