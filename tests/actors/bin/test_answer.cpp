#include "actors/bin/answer.hpp"

#include <doctest/doctest.h>

#include <boost/json/object.hpp>

#include "tests/actors/bin/fake_model.hpp"

namespace troupe::cli {
namespace {

std::vector<token_id> prompt_of(std::string_view text) { return {text.begin(), text.end()}; }
bool never() { return false; }

}  // namespace

TEST_CASE("text arrives piece by piece and the end token is not part of it") {
  const auto model = test::byte_model();
  test::fake_service service([](const std::string&) { return std::string("Par\xC3\xADs"); });
  std::vector<std::string> pieces;
  const auto done = generate(
      service, *model, prompt_of("hello"), {},
      [&](std::string_view piece) { pieces.emplace_back(piece); }, never);
  REQUIRE(done.has_value());
  CHECK(done->text == "Par\xC3\xADs");
  CHECK(done->finish == finish_reason::stop);
  CHECK(done->tokens.back() == test::end_token);
  CHECK(service.requests.front().stop_tokens == std::vector<token_id>{test::end_token});
  // The two bytes of one character come together.
  CHECK(pieces == std::vector<std::string>{"P", "a", "r", "\xC3\xAD", "s"});
}

TEST_CASE("an answer is as long as the context has room for unless told otherwise") {
  const auto model = test::byte_model(20);
  test::fake_service service([](const std::string&) { return std::string(100, 'x'); });
  const auto full = generate(
      service, *model, prompt_of("hello"), {}, [](auto) {}, never);
  REQUIRE(full.has_value());
  CHECK(full->text.size() == 15);
  CHECK(full->finish == finish_reason::length);
  const auto cut = generate(
      service, *model, prompt_of("hello"), {.max_tokens = 3}, [](auto) {}, never);
  REQUIRE(cut.has_value());
  CHECK(cut->text == "xxx");
}

TEST_CASE("an empty prompt or one longer than the context is refused before it is submitted") {
  const auto model = test::byte_model(4);
  test::fake_service service([](const std::string&) { return std::string("x"); });
  const auto empty = generate(
      service, *model, {}, {}, [](auto) {}, never);
  REQUIRE_FALSE(empty.has_value());
  CHECK(empty.error().code() == errc::invalid_argument);
  const auto full = generate(
      service, *model, prompt_of("abcd"), {}, [](auto) {}, never);
  REQUIRE_FALSE(full.has_value());
  CHECK(full.error().message() == "the prompt has 4 tokens, and bytes has room for 4");
  CHECK(service.requests.empty());
}

TEST_CASE("stopping cancels the request and keeps what came") {
  const auto model = test::byte_model();
  test::fake_service service([](const std::string&) { return std::string("abc"); });
  service.never_end();
  std::string seen;
  const auto done = generate(
      service, *model, prompt_of("q"), {}, [&](std::string_view piece) { seen += piece; },
      [&] { return seen == "abc"; });
  REQUIRE(done.has_value());
  CHECK(done->finish == finish_reason::cancelled);
  CHECK(done->text == "abc");
  CHECK(service.cancelled.size() == 1);
}

TEST_CASE("the engine's error is the answer's error") {
  const auto model = test::byte_model();
  test::fake_service service(
      [](const std::string&) -> result<std::string> { return fail(errc::unavailable, "gone"); });
  const auto done = generate(
      service, *model, prompt_of("q"), {}, [](auto) {}, never);
  REQUIRE_FALSE(done.has_value());
  CHECK(done.error() == error(errc::unavailable, "gone"));
}

TEST_CASE("a conversation becomes a prompt by the model's template") {
  const auto model = test::byte_model();
  const boost::json::array messages{boost::json::object{{"role", "user"}, {"content", "hi"}}};
  const auto prompt = chat_prompt(*model, messages);
  REQUIRE(prompt.has_value());
  CHECK(model->tokens->decode(*prompt) == "user:hi\nassistant:");
  served_model silent = *model;
  silent.chat = nullptr;
  const auto refused = chat_prompt(silent, messages);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().message() ==
        "bytes cannot chat: it has no chat template; try `troupe run --raw`");
}

}  // namespace troupe::cli
