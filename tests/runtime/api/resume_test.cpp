#include <doctest/doctest.h>

#include <algorithm>
#include <optional>
#include <span>

#include "runtime/api/completion_session.hpp"
#include "tests/runtime/api/api_fixture.hpp"

namespace troupe {
namespace {
using test::events_for;

/// A stream that may be resumed, of `events` in batches of `batch`; what was asked is left in
/// `service`.
std::string resumable_stream(test::scripted_service& service,
                             const std::vector<token_event>& events, std::size_t batch) {
  const auto sink = std::make_shared<test::recording_sink>();
  api_context context = test::make_context(service);
  context.resumable = true;
  const std::string body =
      test::chat_body(R"("n":2,"stream":true,"stream_options":{"include_usage":true})");
  const auto session = completion_session::begin(context, {api_protocol::chat, body}, sink);
  REQUIRE(session != nullptr);
  generation_listener& listener = *service.requests.at(1).listener;
  for (std::size_t i = 0; i < events.size(); i += batch)
    listener.on_tokens(std::span(events).subspan(i, std::min(batch, events.size() - i)));
  generation_summary summary;
  summary.cached_tokens = 2;
  listener.on_done(summary);
  REQUIRE(sink->ended);
  return sink->body;
}

std::vector<token_event> two_choices() {
  std::vector<token_event> events = events_for("one two three", finish_reason::stop, 0);
  for (const token_event& e : events_for("four", finish_reason::length, 1)) events.push_back(e);
  return events;
}

/// Has the answer of `asked` at hand.
struct ready_recall final : answer_recall {
  explicit ready_recall(const test::scripted_service& service)
      : asked(service.requests.at(1).request) {}

  void recall(const std::string&, found then) override { then(answer()); }
  void listen(request_id, std::shared_ptr<generation_listener> listener) override {
    const std::vector<token_event> events = two_choices();
    listener->on_tokens(std::span(events).first(failure ? 2 : events.size()));
    if (failure) return listener->on_error(*failure);
    generation_summary summary;
    summary.cached_tokens = 2;
    listener->on_done(summary);
  }
  [[nodiscard]] recalled_answer answer() const {
    return {9, std::make_shared<const generation_request>(asked)};
  }

  generation_request asked;
  std::optional<error> failure;  ///< that ended it, when two events had been drawn
};

TEST_CASE("a stream that may be resumed has the same bytes however its tokens come") {
  test::scripted_service one;
  const std::string expected = resumable_stream(one, two_choices(), 1);
  CHECK(expected.starts_with("id: 1\ndata: {"));
  CHECK(expected.ends_with("\n\ndata: [DONE]\n\n"));
  for (const std::size_t batch : {2U, 3U, 100U}) {
    test::scripted_service many;
    CHECK(resumable_stream(many, two_choices(), batch) == expected);
  }
}

TEST_CASE("a resumed stream goes on behind any of its events") {
  test::scripted_service first;
  const std::string whole = resumable_stream(first, two_choices(), 4);
  ready_recall recall(first);
  std::string had;
  std::uint64_t events = 0;
  for (std::size_t at = 0; at < whole.size(); ++events) {
    test::scripted_service unused;
    const auto sink = std::make_shared<test::recording_sink>();
    const auto session = completion_session::resume(
        test::make_context(unused), recall, api_protocol::chat, recall.answer(), events, sink);
    CHECK(session != nullptr);
    CHECK(sink->ended);
    CHECK(had + sink->body == whole);
    const std::size_t end = whole.find("\n\n", at) + 2;
    had += whole.substr(at, end - at);
    at = end;
  }
  CHECK(events > 8);
}

TEST_CASE("what was drawn of an answer that failed is there to come back for, and then why") {
  test::scripted_service first;
  const std::string whole = resumable_stream(first, two_choices(), 4);
  ready_recall recall(first);
  recall.failure = error(errc::cancelled, "its client left");
  test::scripted_service unused;
  const auto sink = std::make_shared<test::recording_sink>();
  CHECK(completion_session::resume(test::make_context(unused), recall, api_protocol::chat,
                                   recall.answer(), 0, sink) != nullptr);
  CHECK_FALSE(sink->failure.has_value());
  CHECK(sink->ended);
  const std::size_t last = sink->body.rfind("\n\n", sink->body.size() - 3) + 2;
  CHECK(last > 100);
  CHECK(whole.starts_with(sink->body.substr(0, last)));
  CHECK(sink->body.substr(last).find("its client left") != std::string::npos);
}

TEST_CASE("an answer is resumed at its own endpoint, and only where it has one") {
  test::scripted_service first;
  (void)resumable_stream(first, two_choices(), 1);
  ready_recall recall(first);
  test::scripted_service unused;
  const auto other = std::make_shared<test::recording_sink>();
  CHECK(completion_session::resume(test::make_context(unused), recall, api_protocol::completions,
                                   recall.answer(), 0, other) == nullptr);
  REQUIRE(other->failure.has_value());
  CHECK(other->failure->status == 404);
  recall.asked.origin = nullptr;
  const auto none = std::make_shared<test::recording_sink>();
  CHECK(completion_session::resume(test::make_context(unused), recall, api_protocol::chat,
                                   recall.answer(), 0, none) == nullptr);
  CHECK(none->failure.has_value());
}

}  // namespace
}  // namespace troupe
