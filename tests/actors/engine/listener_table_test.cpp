#include "actors/engine/listener_table.hpp"

#include <doctest/doctest.h>

#include "tests/actors/engine/engine_harness.hpp"

namespace troupe::test {
namespace {

token_event token(std::uint32_t index, token_id id) {
  token_event e;
  e.index = index;
  e.token = id;
  return e;
}

request_news news_of(request_id id, std::vector<token_event> tokens) {
  request_news n;
  n.request = id;
  n.tokens = std::move(tokens);
  return n;
}

std::shared_ptr<const generation_request> one_choice() {
  auto asked = std::make_shared<generation_request>();
  asked->prompt = {1, 2};
  asked->max_tokens = 9;
  return asked;
}

/// Hears only what the cache held.
struct cache_listener final : generation_listener {
  void on_prompt_cached(std::uint32_t tokens) override { cached.push_back(tokens); }
  void on_tokens(std::span<const token_event>) override {}
  void on_done(const generation_summary&) override {}
  void on_error(const error&) override {}
  std::vector<std::uint32_t> cached;
};

TEST_CASE("a repeated token is dropped and a missing one ends the request") {
  listener_table table(4);
  const auto listener = std::make_shared<answer_collector>();
  const request_id id = table.add(listener, one_choice()).value();
  table.deliver(news_of(id, {token(0, 7), token(1, 8)}));
  table.deliver(news_of(id, {token(1, 8), token(2, 9)}));
  CHECK(listener->take().events.at(0).size() == 3);
  table.deliver(news_of(id, {token(4, 11)}));
  REQUIRE(listener->failure().has_value());
  CHECK(listener->failure()->code() == errc::internal);
  CHECK(table.size() == 0);
}

TEST_CASE("the table is bounded, and closing it fails what is open") {
  listener_table table(1);
  const auto first = std::make_shared<answer_collector>();
  REQUIRE(table.add(first, one_choice()));
  CHECK(table.add(std::make_shared<answer_collector>(), one_choice()).error().code() ==
        errc::exhausted);
  table.close({errc::unavailable, "bye"});
  CHECK(first->failure()->message() == "bye");
  CHECK(table.add(std::make_shared<answer_collector>(), one_choice()).error().code() ==
        errc::unavailable);
}

TEST_CASE("a removed listener hears nothing more") {
  listener_table table(2);
  const auto listener = std::make_shared<answer_collector>();
  const request_id id = table.add(listener, one_choice()).value();
  table.remove(id);
  table.deliver(news_of(id, {token(0, 1)}));
  table.fail(id, {errc::internal, "x"});
  CHECK(listener->take().events.empty());
  CHECK_FALSE(listener->failure().has_value());
}

TEST_CASE("a request that is kept can be handed to somebody else with what it has drawn") {
  listener_table table(4, listener_table::memory::requests, 1000);
  const auto asked = one_choice();
  const request_id id = table.add(std::make_shared<answer_collector>(), asked).value();
  CHECK(id == 1000);
  CHECK(table.unfinished(id) == asked);
  request_news first = news_of(id, {token(0, 7), token(1, 8)});
  first.cached_tokens = 1;
  table.deliver(std::move(first));
  const auto rest = table.unfinished(id);
  REQUIRE(rest != nullptr);
  REQUIRE(rest->resumes != nullptr);
  CHECK(rest->resumes->events.size() == 2);
  CHECK(rest->resumes->cached_tokens == 1);
  CHECK(table.open() == std::vector<request_id>{id});
  request_news last = news_of(id, {token(2, 9)});
  last.summary.emplace();
  table.deliver(std::move(last));
  CHECK(table.unfinished(id) == nullptr);
  CHECK(table.size() == 0);
}

TEST_CASE("whoever listens next takes the request over, from its beginning") {
  listener_table table(4, listener_table::memory::requests);
  const auto first = std::make_shared<answer_collector>();
  const auto second = std::make_shared<answer_collector>();
  const request_id id = table.add(first, one_choice()).value();
  table.deliver(news_of(id, {token(0, 7)}));
  REQUIRE(table.attach(id, second));
  REQUIRE(first->failure().has_value());
  CHECK(first->failure()->code() == errc::cancelled);
  table.deliver(news_of(id, {token(1, 8)}));
  CHECK(second->take().events.at(0).size() == 2);
  // The first one's client leaves: the second must not wait for ever.
  table.remove(id);
  REQUIRE(second->failure().has_value());
  CHECK(second->failure()->code() == errc::cancelled);
  CHECK(table.attach(id, first).error().code() == errc::not_found);
}

TEST_CASE("a listener hears what the cache held of its prompt, whenever it came") {
  listener_table table(4, listener_table::memory::requests);
  request_news first = news_of(0, {token(0, 7)});
  first.cached_tokens = 3;

  const auto early = std::make_shared<cache_listener>();
  first.request = table.add(early, one_choice()).value();
  table.deliver(first);
  CHECK(early->cached == std::vector<std::uint32_t>{3});

  const auto late = std::make_shared<cache_listener>();
  table.expect(50, one_choice());
  first.request = 50;
  table.deliver(first);
  REQUIRE(table.attach(50, late));
  CHECK(late->cached == std::vector<std::uint32_t>{3});
}

TEST_CASE("what comes before somebody listens is handed out when somebody does") {
  listener_table table(4, listener_table::memory::requests);
  const auto listener = std::make_shared<answer_collector>();
  table.expect(50, one_choice());
  table.deliver(news_of(50, {token(0, 7)}));
  table.deliver(news_of(50, {token(1, 8)}));
  REQUIRE(table.attach(50, listener));
  CHECK(listener->take().events.at(0).size() == 2);
  table.deliver(news_of(50, {token(2, 9)}));
  CHECK(listener->take().events.at(0).size() == 3);

  const auto late = std::make_shared<answer_collector>();
  table.expect(51, one_choice());
  table.deliver(news_of(51, {token(0, 7)}));
  table.fail(51, {errc::cancelled, "gone"});
  REQUIRE(table.attach(51, late));
  CHECK(late->take().events.at(0).size() == 1);
  CHECK(late->failure()->message() == "gone");
  CHECK(table.size() == 1);
}

}  // namespace
}  // namespace troupe::test
