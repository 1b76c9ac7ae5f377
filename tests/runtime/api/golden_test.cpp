#include <doctest/doctest.h>

#include "tests/runtime/api/api_fixture.hpp"

// The exact bytes of answers: what clients have been tested against.
namespace troupe {
namespace {

std::string answer(bool chat, std::string_view rest) {
  test::scripted_service service;
  const auto sink = std::make_shared<test::recording_sink>();
  const api_context context = test::make_context(service);
  const auto session =
      chat ? completion_session::begin(context, {api_protocol::chat, test::chat_body(rest)}, sink)
           : completion_session::begin(
                 context, {api_protocol::completions, test::completion_body(rest)}, sink);
  REQUIRE(session != nullptr);
  auto& listener = *service.requests.at(1).listener;
  for (const token_event& e : test::events_for("a\"\n", finish_reason::stop))
    listener.on_tokens({&e, 1});
  generation_summary summary;
  summary.cached_tokens = 2;
  listener.on_done(summary);
  REQUIRE(sink->ended);
  std::string body = sink->body;
  // The fingerprint is the checkpoint's hash; its shape is enough here.
  for (std::size_t at = 0; (at = body.find("\"fp_", at)) != std::string::npos; at += 4)
    body.replace(at, body.find('"', at + 1) - at + 1, "\"fp_\"");
  return body;
}

TEST_CASE("a whole chat answer") {
  CHECK(answer(true, "") ==
        R"({"id":"chatcmpl-00000000000000010000000000000002","object":"chat.completion",)"
        R"("created":1700000000,"model":"tiny","system_fingerprint":"fp_","choices":[{"index":0,)"
        R"("message":{"role":"assistant","content":"a\"\n","refusal":null},"logprobs":null,)"
        R"("finish_reason":"stop"}],"usage":{"prompt_tokens":14,"completion_tokens":3,)"
        R"("total_tokens":17,"prompt_tokens_details":{"cached_tokens":2}}})");
}

TEST_CASE("a streamed chat answer with usage") {
  const auto event = [](const std::string& choices, const std::string& usage) {
    return R"(data: {"id":"chatcmpl-00000000000000010000000000000002",)"
           R"("object":"chat.completion.chunk","created":1700000000,"model":"tiny",)"
           R"("system_fingerprint":"fp_","choices":[)" +
           choices + R"(],"usage":)" + usage + "}\n\n";
  };
  const auto delta = [&](const std::string& content, const std::string& finish) {
    return event(R"({"index":0,"delta":{)" + content + R"(},"logprobs":null,"finish_reason":)" +
                     finish + "}",
                 "null");
  };
  CHECK(answer(true, R"("stream":true,"stream_options":{"include_usage":true})") ==
        delta(R"("role":"assistant","content":"")", "null") + delta(R"("content":"a")", "null") +
            delta(R"("content":"\"\n")", "null") + delta("", R"("stop")") +
            event("", R"({"prompt_tokens":14,"completion_tokens":3,"total_tokens":17,)"
                      R"("prompt_tokens_details":{"cached_tokens":2}})") +
            "data: [DONE]\n\n");
}

TEST_CASE("a whole completion with logprobs and token ids") {
  CHECK(answer(false, R"("logprobs":1,"return_token_ids":true)") ==
        R"({"id":"cmpl-00000000000000010000000000000002","object":"text_completion",)"
        R"("created":1700000000,"model":"tiny","system_fingerprint":"fp_","choices":[{"index":0,)"
        R"("text":"a\"\n","logprobs":{"tokens":["a","\"\n","<|im_end|>"],)"
        R"("token_logprobs":[-5E-1,-1E0,0E0],)"
        R"("top_logprobs":[{"a":-5E-1,"(":-9.25E0},{"\"\n":-1E0,"(":-9.25E0},)"
        R"({"<|im_end|>":0E0}],"text_offset":[0,1,3]},"finish_reason":"stop",)"
        R"("token_ids":[64,554,702],"prompt_token_ids":[646,614,684]}],)"
        R"("usage":{"prompt_tokens":3,"completion_tokens":3,"total_tokens":6,)"
        R"("prompt_tokens_details":{"cached_tokens":2}}})");
}

TEST_CASE("a streamed chat answer with logprobs shows bytes") {
  const std::string body = answer(true, R"("stream":true,"logprobs":true,"top_logprobs":2)");
  CHECK(body.find(R"("delta":{"content":"a"},"logprobs":{"content":[{"token":"a","logprob":-5E-1,)"
                  R"("bytes":[97],"top_logprobs":[{"token":"a","logprob":-5E-1,"bytes":[97]},)"
                  R"({"token":"(","logprob":-9.25E0,"bytes":[40]}]}],"refusal":null},)"
                  R"("finish_reason":null}]})") != std::string::npos);
}

}  // namespace
}  // namespace troupe
