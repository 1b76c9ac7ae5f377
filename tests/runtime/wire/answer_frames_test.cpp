#include "runtime/wire/answer_frames.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "runtime/wire/frames.hpp"
#include "tests/runtime/wire/hostile.hpp"

namespace troupe {
namespace {

using bytes = std::vector<std::byte>;
using test::pick;

constexpr answer_bounds bounds{512, 8, 1000};

token_logprob random_logprob(test::generator& random) {
  token_logprob l;
  l.logprob = -static_cast<float>(pick(random, 0, 1000)) / 7;
  for (std::uint32_t i = pick(random, 0, 3); i > 0; --i)
    l.top.emplace_back(pick(random, 0, 999), -static_cast<float>(pick(random, 0, 9)));
  return l;
}

std::vector<token_event> random_events(test::generator& random) {
  std::vector<token_event> events(pick(random, 0, 4));
  for (token_event& e : events) {
    e.choice = pick(random, 0, 7);
    e.index = pick(random, 0, 100);
    e.token = static_cast<token_id>(pick(random, 0, 1000)) - 1;
    e.logprob = random_logprob(random);
    e.finish = static_cast<finish_reason>(pick(random, 0, 4));
  }
  return events;
}

std::vector<token_id> random_tokens(test::generator& random, std::uint32_t most) {
  std::vector<token_id> tokens(pick(random, 0, most));
  for (token_id& t : tokens) t = static_cast<token_id>(pick(random, 0, 999));
  return tokens;
}

asked_request random_ask(test::generator& random) {
  auto asked = std::make_shared<generation_request>();
  asked->prompt = random_tokens(random, 20);
  asked->sampling.seed = random();
  asked->sampling.temperature = 0.7F;
  asked->sampling.logit_bias = {{3, -1.5F}};
  asked->max_tokens = pick(random, 0, 99);
  asked->choices = pick(random, 1, 8);
  asked->stop_tokens = random_tokens(random, 3);
  asked->ignore_eos = random() % 2 == 0;
  asked->prompt_logprobs = random() % 2 == 0;
  asked->min_tokens = pick(random, 0, 9);
  asked->speculate = random() % 2 == 0;
  asked->cache_space = random();
  if (random() % 2 == 0) asked->cache_marks = {7, 1024};
  if (random() % 2 == 0) asked->forcing = {-1, 5, pick(random, 0, 9), random_tokens(random, 3)};
  if (random() % 2 == 0) asked->guide = {R"({"type":"structural_tag"})", -1, 708};
  if (random() % 2 == 0) {
    auto progress = std::make_shared<answer_progress>();
    progress->events = random_events(random);
    progress->prompt_scores.resize(pick(random, 0, 2));
    if (random() % 2 == 0) progress->cached_tokens = pick(random, 0, 99);
    asked->resumes = progress;
  }
  if (random() % 2 == 0)
    asked->origin = std::make_shared<answer_origin>(
        answer_origin{"chatcmpl-1", 2, 1'700'000'000, R"({"stream":true})"});
  return {random(), asked};
}

answer_news random_news(test::generator& random) {
  answer_news news;
  for (std::uint32_t i = pick(random, 0, 3); i > 0; --i) {
    request_news n;
    n.request = random();
    n.tokens = random_events(random);
    n.prompt_scores.resize(pick(random, 0, 2));
    if (random() % 2 == 0) n.cached_tokens = 4;
    if (random() % 2 == 0) n.created_tokens = 5;
    if (random() % 2 == 0) n.summary = generation_summary{7, 5, 4, 3, 0.25, 0.5, 1.5};
    news.news.push_back(std::move(n));
  }
  for (std::uint32_t i = pick(random, 0, 2); i > 0; --i)
    news.failed.emplace_back(random(), error(errc::exhausted, "the queue is full"));
  return news;
}

bool same(const generation_request& a, const generation_request& b) {
  const auto equal = [](const auto& x, const auto& y) {
    return (x == nullptr) == (y == nullptr) && (x == nullptr || *x == *y);
  };
  return a.prompt == b.prompt && a.sampling == b.sampling && a.max_tokens == b.max_tokens &&
         a.choices == b.choices && a.stop_tokens == b.stop_tokens && a.ignore_eos == b.ignore_eos &&
         a.prompt_logprobs == b.prompt_logprobs && a.min_tokens == b.min_tokens &&
         a.speculate == b.speculate && a.cache_space == b.cache_space &&
         a.cache_marks == b.cache_marks && a.forcing == b.forcing && a.guide == b.guide &&
         equal(a.resumes, b.resumes) && equal(a.origin, b.origin);
}

bytes payload_of(const outgoing_frame& frame) {
  const auto part = frame.payload.front().bytes;
  return {part.begin(), part.end()};
}

TEST_CASE("requests, news and recalls come out as they went in") {
  test::generator random(11);
  for (int round = 0; round < 300; ++round) {
    const asked_request ask = random_ask(random);
    const outgoing_frame frame = make_ask(ask);
    CHECK(frame.kind == frames::ask);
    const auto asked = decode_ask(frame.header, payload_of(frame), bounds);
    REQUIRE(asked);
    CHECK(asked->id == ask.id);
    CHECK(same(*asked->asked, *ask.asked));

    const answer_news news = random_news(random);
    const auto told = decode_news(encode_news(news), bounds);
    REQUIRE(told);
    REQUIRE(told->news.size() == news.news.size());
    for (std::size_t i = 0; i < news.news.size(); ++i) {
      CHECK(told->news[i].request == news.news[i].request);
      CHECK(told->news[i].tokens == news.news[i].tokens);
      CHECK(told->news[i].prompt_scores == news.news[i].prompt_scores);
      CHECK(told->news[i].cached_tokens == news.news[i].cached_tokens);
      CHECK(told->news[i].created_tokens == news.news[i].created_tokens);
      CHECK(told->news[i].summary == news.news[i].summary);
    }
    CHECK(told->failed == news.failed);

    const outgoing_frame found = make_recalled({9, ask, {}});
    const auto recalled = decode_recalled(found.header, payload_of(found), bounds);
    REQUIRE(recalled);
    REQUIRE(recalled->found);
    CHECK(recalled->number == 9);
    CHECK(recalled->found->id == ask.id);
    CHECK(same(*recalled->found->asked, *ask.asked));
  }
  CHECK(decode_forget(encode_forget(77)).value() == 77);
  const auto question = decode_recall(encode_recall({5, "cmpl-9"}));
  REQUIRE(question);
  CHECK(question->number == 5);
  CHECK(question->name == "cmpl-9");
  const outgoing_frame refused = make_recalled({3, {}, error(errc::not_found, "there is none")});
  const auto refusal = decode_recalled(refused.header, {}, bounds);
  REQUIRE(refusal);
  CHECK_FALSE(refusal->found);
  CHECK(refusal->refusal == error(errc::not_found, "there is none"));
}

TEST_CASE("cut, flipped or boastful frames of requests and news never do harm") {
  test::generator random(12);
  const bytes header = encode_forget(7);
  for (int round = 0; round < 20; ++round) {
    test::mistreat(
        payload_of(make_ask(random_ask(random))), random,
        [](const asked_request& r) { return payload_of(make_ask(r)); },
        [&](const bytes& payload) { return decode_ask(header, payload, bounds); });
    test::mistreat(encode_news(random_news(random)), random, encode_news,
                   [](const bytes& b) { return decode_news(b, bounds); });
  }
  test::mistreat(encode_forget(7), random, encode_forget, decode_forget);
  test::mistreat(encode_recall({5, "cmpl-9"}), random, encode_recall, decode_recall);
}

TEST_CASE("what passes a bound is refused with what, which and why") {
  test::generator random(13);
  asked_request ask = random_ask(random);
  auto asked = *ask.asked;
  const auto why = [&](const generation_request& r) {
    const outgoing_frame frame = make_ask({1, std::make_shared<generation_request>(r)});
    const auto decoded = decode_ask(frame.header, payload_of(frame), bounds);
    REQUIRE_FALSE(decoded);
    return decoded.error().message();
  };
  asked.prompt = {1, 1000};
  CHECK(why(asked) == "request: prompt: token 1000 of 1000");
  asked.prompt = {1};
  asked.choices = 9;
  CHECK(why(asked) == "request: 9 choices, at most 8 may be");
  asked.choices = 1;
  asked.sampling.top_logprobs = 1000;
  CHECK(why(asked).starts_with("request: top_logprobs: 1000, at most "));
}

}  // namespace
}  // namespace troupe
