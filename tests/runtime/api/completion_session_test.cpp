#include "runtime/api/completion_session.hpp"

#include <doctest/doctest.h>

#include <boost/json/parse.hpp>
#include <random>

#include "tests/runtime/api/api_fixture.hpp"

namespace troupe {
namespace {
namespace json = boost::json;
using test::events_for;

struct exchange {
  test::scripted_service service;
  std::shared_ptr<test::recording_sink> sink = std::make_shared<test::recording_sink>();
  std::shared_ptr<completion_session> session;

  void chat(std::string_view rest = {}) {
    session = completion_session::begin(test::make_context(service),
                                        {api_protocol::chat, test::chat_body(rest)}, sink);
  }
  void complete(std::string_view rest = {}) {
    session =
        completion_session::begin(test::make_context(service),
                                  {api_protocol::completions, test::completion_body(rest)}, sink);
  }
  generation_listener& listener(request_id id = 1) { return *service.requests.at(id).listener; }
  /// Hands the events over in batches of `size`, unless the session has cancelled.
  void tell(const std::vector<token_event>& events, std::size_t size = 1, request_id id = 1) {
    for (std::size_t i = 0; i < events.size() && !service.cancelled.contains(id); i += size)
      listener(id).on_tokens(std::span(events).subspan(i, std::min(size, events.size() - i)));
  }
  void done(request_id id = 1, std::uint32_t cached = 0) {
    if (service.cancelled.contains(id)) return;
    generation_summary summary;
    summary.cached_tokens = cached;
    listener(id).on_done(summary);
  }
  [[nodiscard]] json::value whole() const {
    REQUIRE(sink->ended);
    CHECK(sink->status == 200);
    CHECK(sink->type == "application/json");
    return json::parse(sink->body);
  }
};

TEST_CASE("a streamed answer equals the same answer at once") {
  const std::string text = "Hello 世界! naïve 😀\nThe END is near. ENDE";
  for (const char* options :
       {R"("n":2)", R"("n":2,"stop":["END"])", R"("n":2,"stop":["near. E","界"],"logprobs":true)",
        R"("n":2,"stop":"END","include_stop_str_in_output":true,"return_token_ids":true)"}) {
    std::map<std::int64_t, std::string> expected;
    std::string finish;
    for (const std::size_t batch : {1000U, 1U, 2U, 5U}) {
      for (const bool stream : {false, true}) {
        exchange x;
        x.chat(std::string(options) + (stream ? R"(,"stream":true)" : ""));
        REQUIRE(x.session != nullptr);
        std::vector<token_event> events = events_for(text, finish_reason::stop);
        for (const token_event& e : events_for("Other", finish_reason::length, 1))
          events.push_back(e);
        x.tell(events, batch);
        x.done();
        REQUIRE(x.sink->ended);
        const auto got = stream ? test::texts(x.sink->events()) : test::texts(x.whole());
        if (stream) CHECK(x.sink->last.ends_with("data: [DONE]\n\n"));
        if (expected.empty()) expected = got;
        CHECK(got == expected);
        CHECK(x.sink->calls_after_end == 0);
      }
    }
  }
}

TEST_CASE("streamed scores and token ids add up to the whole's") {
  exchange once;
  exchange streamed;
  const char* options = R"("logprobs":2,"return_token_ids":true,"echo":true,"n":2,"max_tokens":40)";
  once.complete(options);
  streamed.complete(std::string(options) + R"(,"stream":true)");
  const std::vector<token_logprob> prompt_scores{{-1, {{5, -0.5F}}}, {-2, {}}};
  for (exchange* x : {&once, &streamed}) {
    x->listener().on_prompt_scored(prompt_scores);
    for (std::uint32_t c = 0; c < 2; ++c)
      x->tell(events_for("é😀 done", finish_reason::length, c), 2);
    x->done();
  }
  const json::value whole = once.whole();
  std::map<std::int64_t, json::object> sums;
  for (const json::value& event : streamed.sink->events())
    for (const json::value& choice : event.at("choices").as_array()) {
      json::object& sum = sums[choice.at("index").as_int64()];
      const auto append = [&](const char* key, const json::value& list) {
        if (!sum.contains(key)) sum[key] = json::array();
        for (const json::value& v : list.as_array()) sum[key].as_array().push_back(v);
      };
      if (const json::value* ids = choice.as_object().if_contains("token_ids"))
        append("token_ids", *ids);
      if (choice.at("logprobs").is_object())
        for (const auto& [key, list] : choice.at("logprobs").as_object())
          append(std::string(key).c_str(), list);
    }
  for (std::size_t i = 0; i < 2; ++i) {
    const json::value& choice = whole.at("choices").at(i);
    json::object& sum = sums[static_cast<std::int64_t>(i)];
    CHECK(sum.at("token_ids") == choice.at("token_ids"));
    for (const auto& [key, list] : choice.at("logprobs").as_object()) CHECK(sum.at(key) == list);
    CHECK(choice.at("prompt_token_ids").as_array().size() == 3);
    CHECK(choice.at("text") == "Hello worldé😀 done");
  }
}

TEST_CASE("a stop string ends the request and cancels it in the engine") {
  exchange x;
  x.chat(R"("stop":["tw"])");
  x.tell(events_for("one two three four", finish_reason::length));
  CHECK(x.service.cancelled.contains(1));
  const json::value whole = x.whole();
  CHECK(whole.at("choices").at(0).at("message").at("content") == "one ");
  CHECK(whole.at("choices").at(0).at("finish_reason") == "stop");
}

TEST_CASE("a choice that a stop string has ended ignores its later tokens") {
  exchange x;
  x.chat(R"("n":2,"stop":["b"])");
  const auto first = events_for("a b c d", finish_reason::length, 0);
  const auto second = events_for("x y z", finish_reason::length, 1);
  x.tell(first);
  CHECK(x.service.cancelled.empty());
  x.tell(second);
  x.done();
  const json::value whole = x.whole();
  CHECK(whole.at("choices").at(0).at("message").at("content") == "a ");
  CHECK(whole.at("choices").at(0).at("finish_reason") == "stop");
  CHECK(whole.at("choices").at(1).at("message").at("content") == "x y z");
  CHECK(whole.at("choices").at(1).at("finish_reason") == "length");
  // Tokens behind the stop string are not charged.
  CHECK(whole.at("usage").at("completion_tokens").as_int64() <
        static_cast<std::int64_t>(first.size() + second.size()));
}

TEST_CASE("several prompts are answered as one, by index") {
  exchange x;
  x.complete(R"("prompt":["a b",[1,2,3]],"n":2,"seed":5)");
  REQUIRE(x.service.requests.size() == 2);
  CHECK(x.service.requests[1].request.sampling.seed == 5);
  CHECK(x.service.requests[2].request.prompt == std::vector<token_id>{1, 2, 3});
  x.tell(events_for("3", finish_reason::length, 1), 1, 2);
  x.tell(events_for("2", finish_reason::length, 0), 1, 2);
  x.done(2, 2);
  x.tell(events_for("0", finish_reason::length, 0), 1, 1);
  x.tell(events_for("1", finish_reason::length, 1), 1, 1);
  CHECK_FALSE(x.sink->ended);
  x.done(1, 1);
  const json::value whole = x.whole();
  for (std::int64_t i = 0; i < 4; ++i) CHECK(test::texts(whole).at(i) == std::to_string(i));
  CHECK(whole.at("usage").at("prompt_tokens_details").at("cached_tokens") == 3);
}

TEST_CASE("prompts without a seed get one each") {
  exchange x;
  x.complete(R"("prompt":["a","a"])");
  CHECK(x.service.requests[1].request.sampling.seed != x.service.requests[2].request.sampling.seed);
}

TEST_CASE("a full queue refuses the request and takes back what was submitted") {
  exchange x;
  x.service.accepts = 1;
  x.complete(R"("prompt":["a","b"],"stream":true)");
  CHECK(x.session == nullptr);
  REQUIRE(x.sink->failure.has_value());
  CHECK(x.sink->failure->status == 429);
  CHECK(x.sink->status == 0);
  CHECK(x.service.cancelled.contains(1));
}

TEST_CASE("an error before the answer is a status, in the midst of a stream an event") {
  for (const bool stream : {false, true}) {
    exchange x;
    x.chat(stream ? R"("stream":true)" : "");
    x.tell({events_for("one two", finish_reason::none)});
    x.listener().on_error(error(errc::unavailable, "an attention block is gone"));
    if (stream) {
      CHECK(x.sink->ended);
      CHECK(x.sink->body.find(R"(data: {"error":{"message":"an attention block is gone")") !=
            std::string::npos);
      CHECK(x.sink->body.find("[DONE]") == std::string::npos);
    } else {
      REQUIRE(x.sink->failure.has_value());
      CHECK(x.sink->failure->status == 503);
    }
    x.tell(events_for("late", finish_reason::stop));
  }
}

TEST_CASE("lost, repeated and unfinished tokens are never passed over in silence") {
  const auto failure = [](const std::vector<token_event>& events) {
    exchange x;
    x.chat();
    x.listener().on_tokens(events);
    if (!x.sink->failure) x.done();
    REQUIRE(x.sink->failure.has_value());
    return x.sink->failure->status;
  };
  auto events = events_for("one two three", finish_reason::length);
  events.erase(events.begin() + 1);
  CHECK(failure(events) == 500);
  events = events_for("one two three", finish_reason::none);
  events.push_back(events.back());
  CHECK(failure(events) == 500);
  CHECK(failure(events_for("one", finish_reason::none)) == 500);
  events = events_for("one", finish_reason::length, 1);
  CHECK(failure(events) == 500);
  token_event cancelled;
  cancelled.finish = finish_reason::cancelled;
  CHECK(failure({cancelled}) == 503);
}

TEST_CASE("a client that hangs up frees the engine") {
  exchange x;
  x.chat(R"("stream":true)");
  x.tell(events_for("one", finish_reason::none));
  x.session->cancel();
  CHECK(x.service.cancelled.contains(1));
  const std::string before = x.sink->body;
  x.listener().on_tokens(events_for("two", finish_reason::stop));
  CHECK(x.sink->body == before);
  CHECK_FALSE(x.sink->ended);
}

TEST_CASE("a sink that takes no more cancels the request") {
  exchange x;
  x.chat(R"("stream":true)");
  x.sink->broken = true;
  x.tell(events_for("one two", finish_reason::none));
  CHECK(x.service.cancelled.contains(1));
  CHECK_FALSE(x.sink->ended);
}

TEST_CASE("scoring a prompt alone draws nothing") {
  exchange x;
  x.complete(R"("prompt":[5,6,7],"max_tokens":0,"echo":true,"logprobs":0)");
  CHECK(x.service.requests[1].request.max_tokens == 0);
  CHECK(x.service.requests[1].request.prompt_logprobs);
  x.listener().on_prompt_scored(std::vector<token_logprob>{{-1.5F, {}}, {-2.5F, {}}});
  token_event end;
  end.finish = finish_reason::length;
  x.tell({end});
  x.done();
  const json::value whole = x.whole();
  const json::value& logprobs = whole.at("choices").at(0).at("logprobs");
  CHECK(logprobs.at("token_logprobs") == json::value{nullptr, -1.5, -2.5});
  CHECK(logprobs.at("text_offset") == json::value{0, 1, 2});
  CHECK(whole.at("usage").at("completion_tokens") == 0);
}

TEST_CASE("what failed is not cancelled: it may be another session's by now") {
  exchange x;
  x.chat(R"("stream":true)");
  x.listener().on_error({errc::cancelled, "taken over"});
  x.session->cancel();
  CHECK(x.sink->ended);
  CHECK(x.service.cancelled.empty());
}

class counting_observer final : public session_observer {
 public:
  void on_tokens(std::size_t count) override { tokens += count; }
  void on_choice(finish_reason reason) override { ends.push_back(reason); }
  void on_summary(const generation_summary&) override { ++summaries; }
  std::size_t tokens = 0;
  std::vector<finish_reason> ends;
  int summaries = 0;
};

TEST_CASE("an observer hears of every token and every end") {
  exchange x;
  const auto observer = std::make_shared<counting_observer>();
  x.session = completion_session::begin(test::make_context(x.service),
                                        {api_protocol::chat, test::chat_body(R"("n":2)")}, x.sink,
                                        observer);
  const auto first = events_for("one", finish_reason::stop, 0);
  const auto second = events_for("two", finish_reason::length, 1);
  x.tell(first);
  x.tell(second);
  x.done();
  CHECK(observer->tokens == first.size() + second.size());
  CHECK(observer->ends == std::vector{finish_reason::stop, finish_reason::length});
  CHECK(observer->summaries == 1);
}

/// An engine that has answered before submit returns.
class hasty_service final : public generation_service {
 public:
  [[nodiscard]] result<request_id> submit(generation_request,
                                          std::shared_ptr<generation_listener> listener) override {
    listener->on_tokens(events_for("one two", finish_reason::length));
    listener->on_done({});
    return 1;
  }
  void cancel(request_id) override {}
  [[nodiscard]] engine_stats stats() const override { return {}; }
};

TEST_CASE("answers that come before submit returns are kept") {
  for (const char* options : {R"("stream":true)", R"("stream":false)"}) {
    hasty_service service;
    test::scripted_service unused;
    api_context context = test::make_context(unused);
    context.service = &service;
    const auto sink = std::make_shared<test::recording_sink>();
    const auto session =
        completion_session::begin(context, {api_protocol::chat, test::chat_body(options)}, sink);
    CHECK(session != nullptr);
    CHECK(sink->ended);
    CHECK(sink->body.find("two") != std::string::npos);
  }
}

}  // namespace
}  // namespace troupe
