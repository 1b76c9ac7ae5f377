#include "runtime/api/cache_marks.hpp"

#include <doctest/doctest.h>

#include <boost/json/parse.hpp>

#include "runtime/api/prompt.hpp"
#include "tests/runtime/api/api_fixture.hpp"

namespace troupe {
namespace {

struct marked_prompt {
  std::vector<std::string> before;  ///< the text up to each mark
  std::string all;
};

marked_prompt marked(const std::string& messages) {
  const served_model& model = *test::tiny_model();
  const auto request =
      parse_chat_request(test::chat_body("\"messages\":[" + messages + "]"), model);
  REQUIRE_MESSAGE(request.has_value(), request.error().message);
  const auto prompt = prepare_chat(model, *request);
  REQUIRE_MESSAGE(prompt.has_value(), prompt.error().message);
  marked_prompt out;
  out.all = model.tokens->decode(prompt->tokens);
  for (const std::uint32_t length : prompt->cache_marks)
    out.before.push_back(model.tokens->decode(std::span(prompt->tokens).first(length)));
  return out;
}

TEST_CASE("a mark ends the prefix behind its part, as the template shows it") {
  const auto prompt = marked(
      R"({"role":"system","content":[{"type":"text","text":"Be brief.",
          "cache_control":{"type":"ephemeral"}},{"type":"text","text":"And kind."}]},
         {"role":"user","content":"Hi there","cache_control":{"type":"ephemeral"}})");
  CHECK(prompt.all.find("cache") == std::string::npos);
  REQUIRE(prompt.before.size() == 2);
  const std::string first = "<|im_start|>system\nBe brief.";
  // The last token may have been joined with what follows.
  CHECK(first.rfind(prompt.before[0], 0) == 0);
  CHECK(prompt.before[0].size() + 4 >= first.size());
  CHECK(prompt.before[1].find("Hi") != std::string::npos);
  CHECK(prompt.all.rfind(prompt.before[1], 0) == 0);
}

TEST_CASE("without marks there are none, and of many the last four count") {
  CHECK(marked(R"({"role":"user","content":"Hi","cache_control":null})").before.empty());
  std::string messages;
  for (int i = 0; i < 6; ++i)
    messages += std::string(i == 0 ? "" : ",") +
                R"({"role":"user","content":[{"type":"text","text":"word )" + std::to_string(i) +
                R"(","cache_control":{"type":"ephemeral"}}]})";
  const auto prompt = marked(messages);
  REQUIRE(prompt.before.size() == 4);
  CHECK(prompt.before[0].find("word 2") != std::string::npos);
}

TEST_CASE("a mark of another kind is refused by name") {
  for (const char* wrong : {R"("ephemeral")", R"({"type":"forever"})", R"({})", "true"}) {
    const auto request = parse_chat_request(
        test::chat_body(R"("messages":[{"role":"user","content":[{"type":"text","text":"Hi",
                           "cache_control":)" +
                        std::string(wrong) + "}]}]"),
        *test::tiny_model());
    REQUIRE_FALSE(request.has_value());
    CHECK(request.error().param == "messages[0].content[0].cache_control");
  }
}

TEST_CASE("usage tells what was kept, and what was found kept") {
  test::scripted_service service;
  const auto sink = std::make_shared<test::recording_sink>();
  api_context context = test::make_context(service);
  context.cache_space = 77;
  const std::string body = test::chat_body(
      R"("max_tokens":5,"messages":[{"role":"user","content":"Hello there",
         "cache_control":{"type":"ephemeral"}}])");
  const auto session = completion_session::begin(context, {api_protocol::chat, body, false}, sink);
  REQUIRE(session);
  const auto& asked = service.requests.at(1);
  CHECK(asked.request.cache_space == 77);
  REQUIRE(asked.request.cache_marks.size() == 1);
  asked.listener->on_prompt_cached(3);
  asked.listener->on_prompt_kept(4);
  asked.listener->on_tokens(test::events_for("Yes", finish_reason::length));
  generation_summary summary;
  summary.cached_tokens = 3;
  summary.created_tokens = 4;
  asked.listener->on_done(summary);
  const auto details =
      boost::json::parse(sink->body).at("usage").at("prompt_tokens_details").as_object();
  CHECK(details.at("cached_tokens") == 3);
  CHECK(details.at("cache_creation_input_tokens") == 4);
  CHECK(details.at("cache_type") == "ephemeral");
}

TEST_CASE("lengths that a model is said to take are enforced with the numbers") {
  served_model model = *test::tiny_model();
  model.max_input = 100;
  model.max_output = 50;
  const auto prompt = [](std::size_t n) { return std::vector<token_id>(n, 1); };
  request_options options;
  CHECK(make_generation_request(model, options, prompt(100))->max_tokens == 50);
  const auto too_long = make_generation_request(model, options, prompt(101));
  REQUIRE_FALSE(too_long.has_value());
  CHECK(too_long.error().code == "context_length_exceeded");
  CHECK(too_long.error().message.find("at most 100 tokens") != std::string::npos);
  CHECK(too_long.error().message.find("has 101 tokens") != std::string::npos);
  options.max_tokens = 51;
  const auto too_much = make_generation_request(model, options, prompt(10));
  REQUIRE_FALSE(too_much.has_value());
  CHECK(too_much.error().param == "max_tokens");
  CHECK(too_much.error().message.find("50") != std::string::npos);
}

}  // namespace
}  // namespace troupe
