#include <doctest/doctest.h>

#include <numeric>
#include <set>

#include "cluster/batching/speculation/draft_desk.hpp"
#include "tests/cluster/batching/test_drafts.hpp"

namespace troupe::test {
namespace {

batch_limits asking() {
  batch_limits l;
  l.step_rows = 64;
  l.prefill_chunk = 8;
  l.max_sequences = 4;
  l.max_waiting = 16;
  l.page_size = 4;
  l.pages = 64;
  l.context = 128;
  l.speculation.ask_drafter = true;
  return l;
}

generation_request ask(std::size_t prompt, std::uint32_t tokens, token_id from = 0) {
  generation_request r;
  r.prompt.resize(prompt);
  std::iota(r.prompt.begin(), r.prompt.end(), from);
  r.max_tokens = tokens;
  return r;
}

/// Answers as `source` guesses.
auto answering(std::shared_ptr<draft_source> source) {
  return [source = std::move(source)](const draft_ask& asked) -> std::optional<draft_reply> {
    draft_reply reply;
    for (const draft_ask::text& text : asked.texts) {
      reply.guesses.push_back({text.id, static_cast<std::uint32_t>(text.tokens.size()),
                               source->propose(text.id, text.tokens, text.count).tokens});
    }
    return reply;
  };
}

TEST_CASE("guesses of a drafter draw many tokens in a step, and answers stay the same") {
  simulated_engine engine(asking(), 2);
  engine.drafter = answering(std::make_shared<oracle_drafts>());
  for (request_id id = 1; id <= 3; ++id)
    REQUIRE(engine.add(id, ask(5, 60, static_cast<token_id>(100 * id))));
  engine.run();
  for (request_id id = 1; id <= 3; ++id)
    CHECK(engine.answers.at(id).tokens.at(0) ==
          simulated_engine::expected(ask(5, 60, static_cast<token_id>(100 * id)), 0));
  const auto counts = engine.scheduler.speculation();
  CHECK(counts.accepted > 120);
  CHECK(counts.accepted == counts.drafted);
}

TEST_CASE("a drafter whose guesses are wrong is soon asked less and less") {
  simulated_engine engine(asking(), 1);
  std::size_t asks = 0;
  engine.drafter = [&, guess = answering(std::make_shared<oracle_drafts>(1))](const auto& asked) {
    ++asks;
    return guess(asked);
  };
  REQUIRE(engine.add(1, ask(5, 120)));
  engine.run();
  CHECK(engine.answers.at(1).tokens.at(0) == simulated_engine::expected(ask(5, 120), 0));
  CHECK(asks > 0);
  CHECK(asks < 40);
}

TEST_CASE("a drafter that is late or gone is left alone for a while, and decoding goes on") {
  simulated_engine engine(asking(), 1);
  std::size_t asks = 0;
  engine.drafter = [&](const draft_ask&) {
    ++asks;
    return std::optional<draft_reply>();
  };
  REQUIRE(engine.add(1, ask(5, 120)));
  engine.run();
  CHECK(engine.answers.at(1).tokens.at(0) == simulated_engine::expected(ask(5, 120), 0));
  CHECK(asks == 2);
}

TEST_CASE("answers for other texts, of other lengths or of sequences gone meanwhile are ignored") {
  simulated_engine engine(asking(), 1);
  int asks = 0;
  std::set<sequence_id> ended;
  engine.drafter = [&](const draft_ask& asked) {
    draft_reply reply;
    for (const draft_ask::text& text : asked.texts) {
      reply.guesses.push_back({text.id + 77, 5, {1, 2}});
      reply.guesses.push_back({text.id, static_cast<std::uint32_t>(text.tokens.size() + 1), {1}});
    }
    ended.insert(asked.ended.begin(), asked.ended.end());
    if (++asks == 5) engine.cancel(1);
    return std::optional(reply);
  };
  REQUIRE(engine.add(1, ask(5, 100)));
  REQUIRE(engine.add(2, ask(5, 60, 300)));
  engine.run();
  CHECK(engine.answers.at(2).tokens.at(0) == simulated_engine::expected(ask(5, 60, 300), 0));
  CHECK(engine.scheduler.speculation().drafted == 0);
  CHECK(ended == std::set<sequence_id>{1});
}

request_news drew(request_id id, const std::vector<token_id>& tokens, bool ends) {
  request_news news;
  news.request = id;
  for (const token_id t : tokens) {
    token_event event;
    event.token = t;
    news.tokens.push_back(event);
  }
  if (ends) news.summary.emplace();
  return news;
}

TEST_CASE("a desk answers when the small model has drawn every guess") {
  draft_desk desk(50);
  CHECK_FALSE(desk.answer());
  const auto orders = desk.take({{{7, {1, 2, 3}, 4}, {8, {4, 5}, 2}}, {}});
  REQUIRE(orders.size() == 2);
  CHECK(orders[0].asked->prompt == std::vector<token_id>{1, 2, 3});
  CHECK(orders[0].asked->max_tokens == 4);
  CHECK(orders[0].asked->sampling.temperature == 0);
  CHECK_FALSE(orders[0].asked->speculate);
  desk.on_news(drew(orders[0].id, {9}, false));
  desk.on_news(drew(orders[1].id, {20, 51}, true));
  CHECK_FALSE(desk.answer());
  desk.on_news(drew(orders[0].id, {10, 11, 12}, true));
  const auto reply = desk.answer();
  REQUIRE(reply);
  REQUIRE(reply->guesses.size() == 2);
  CHECK(reply->guesses[0].id == 8);
  CHECK(reply->guesses[0].tokens == std::vector<token_id>{20});  // 51 is no token of the model
  CHECK(reply->guesses[1].length == 3);
  CHECK(reply->guesses[1].tokens == std::vector<token_id>{9, 10, 11, 12});
  CHECK_FALSE(desk.answer());
}

TEST_CASE("a long text is read without an answer, then guessed for") {
  draft_desk desk(50);
  std::vector<token_id> text(500, 3);
  const auto reading = desk.take({{{7, text, 4}}, {}});
  REQUIRE(reading.size() == 1);
  CHECK(reading[0].asked->max_tokens == 1);
  REQUIRE(desk.answer());  // at once: nobody waits for a long read
  text.push_back(3);
  CHECK(desk.take({{{7, text, 4}}, {}}).empty());  // still reading
  REQUIRE(desk.answer());
  desk.on_news(drew(reading[0].id, {3}, true));
  const auto guessing = desk.take({{{7, text, 4}}, {}});
  REQUIRE(guessing.size() == 1);
  CHECK(guessing[0].asked->max_tokens == 4);
  CHECK_FALSE(desk.answer());
}

TEST_CASE("a request that fails leaves its text without a guess; ended texts are forgotten") {
  draft_desk desk(50);
  const auto orders = desk.take({{{7, {1, 2}, 4}}, {}});
  desk.on_failure(orders.at(0).id);
  const auto reply = desk.answer();
  REQUIRE(reply);
  CHECK(reply->guesses.empty());
  desk.on_failure(4711);
  // A new ask in place of one that is open: news for the old one is not an answer to the new.
  const auto old = desk.take({{{7, {1, 2}, 4}}, {}});
  const auto fresh = desk.take({{{9, {5}, 2}}, {7}});
  desk.on_news(drew(old.at(0).id, {1, 2, 3, 4}, true));
  CHECK_FALSE(desk.answer());
  desk.on_news(drew(fresh.at(0).id, {6, 7}, true));
  const auto second = desk.answer();
  REQUIRE(second);
  REQUIRE(second->guesses.size() == 1);
  CHECK(second->guesses[0].id == 9);
}

}  // namespace
}  // namespace troupe::test
