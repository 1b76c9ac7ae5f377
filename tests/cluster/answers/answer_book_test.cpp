#include "cluster/answers/answer_book.hpp"

#include <doctest/doctest.h>

#include <random>

namespace troupe {
namespace {

using std::chrono::seconds;

constexpr peer_id one = 11;
constexpr peer_id two = 22;

answer_book::time_point at(int second) { return answer_book::time_point(seconds(1000 + second)); }

asked_request ask(request_id id, const std::string& name = {}) {
  auto asked = std::make_shared<generation_request>();
  asked->prompt = {1, 2, 3};
  asked->max_tokens = 100;
  if (!name.empty())
    asked->origin = std::make_shared<answer_origin>(answer_origin{name, 1, 5, "{}"});
  return {id, asked};
}

token_event token(std::uint32_t index) {
  token_event e;
  e.index = index;
  e.token = static_cast<token_id>(7 * index + 1);
  return e;
}

request_news drawn(request_id id, std::uint32_t from, std::uint32_t to, bool last = false) {
  request_news n;
  n.request = id;
  for (std::uint32_t i = from; i < to; ++i) n.tokens.push_back(token(i));
  if (from == 0) n.cached_tokens = 2;
  if (last) n.summary = generation_summary{3, to, 2, 0, 0, 0, 0};
  return n;
}

/// What a gateway of that name has got.
struct gateway {
  std::vector<token_event> events;
  std::optional<generation_summary> summary;
  std::vector<error> failures;

  void take(answer_book& book, peer_id self) {
    const answer_news news = book.news_for(self);
    for (const request_news& n : news.news) {
      for (const token_event& e : n.tokens) {
        REQUIRE(e.index == events.size());
        events.push_back(e);
      }
      if (n.summary) summary = n.summary;
    }
    for (const auto& [id, why] : news.failed) failures.push_back(why);
    book.told(self, news);
  }
};

TEST_CASE("a gateway is told everything once, and nothing while there is nothing") {
  answer_book book({});
  gateway mine;
  REQUIRE(book.open(one, ask(5), at(0)).value());
  CHECK(book.waiting().empty());
  book.take({drawn(5, 0, 3)}, at(0));
  CHECK(book.waiting() == std::vector<peer_id>{one});
  mine.take(book, one);
  CHECK(mine.events.size() == 3);
  CHECK(book.waiting().empty());
  book.take({drawn(5, 3, 4, true)}, at(1));
  mine.take(book, one);
  CHECK(mine.events.size() == 4);
  REQUIRE(mine.summary);
  CHECK(book.waiting().empty());
  CHECK(book.open_of(one) == 0);
}

TEST_CASE("what could not be sent is said later, in pieces that fit") {
  answer_book::limits limits;
  limits.events_at_once = 10;
  answer_book book(limits);
  gateway mine;
  REQUIRE(book.open(one, ask(5), at(0)));
  book.take({drawn(5, 0, 20)}, at(0));
  (void)book.news_for(one);  // refused by the transport: nothing was told
  book.take({drawn(5, 20, 25, true)}, at(0));
  int frames = 0;
  for (; !book.waiting().empty(); ++frames) mine.take(book, one);
  CHECK(frames == 3);
  CHECK(mine.events.size() == 25);
  CHECK(mine.summary);
}

TEST_CASE("a gateway that asks again is told what it does not have") {
  answer_book book({});
  gateway mine;
  REQUIRE(book.open(one, ask(5), at(0)));
  book.take({drawn(5, 0, 6)}, at(0));
  mine.take(book, one);
  book.take({drawn(5, 6, 9, true)}, at(0));
  book.lose(one, at(0));
  CHECK(book.waiting().empty());
  auto again = *ask(5).asked;
  again.resumes = std::make_shared<answer_progress>(answer_progress{mine.events, {}, 2});
  // Under a new name, as after its restart.
  CHECK_FALSE(book.open(two, {5, std::make_shared<generation_request>(again)}, at(1)).value());
  mine.take(book, two);
  CHECK(mine.events.size() == 9);
  CHECK(mine.summary);
}

TEST_CASE("after another supervisor a request brings what was drawn, and can be recalled whole") {
  answer_book book({});
  auto resumed = *ask(5, "chatcmpl-a").asked;
  answer_progress progress;
  progress.events = {token(0), token(1)};
  resumed.resumes = std::make_shared<answer_progress>(progress);
  REQUIRE(book.open(one, {5, std::make_shared<generation_request>(resumed)}, at(0)).value());
  CHECK(book.waiting().empty());
  book.take({drawn(5, 2, 4)}, at(0));
  book.lose(one, at(1));
  const auto found = book.recall(two, "chatcmpl-a", at(2));
  REQUIRE(found);
  CHECK(found->id == 5);
  CHECK(found->asked->resumes == nullptr);
  gateway other;
  other.take(book, two);
  CHECK(other.events.size() == 4);
}

TEST_CASE("an answer whose gateway is lost goes on for a while, and no longer") {
  answer_book::limits limits;
  limits.orphan_patience = seconds(30);
  limits.kept = seconds(60);
  answer_book book(limits);
  REQUIRE(book.open(one, ask(5, "a"), at(0)));
  REQUIRE(book.open(one, ask(6, "b"), at(0)));
  book.lose(one, at(10));
  CHECK(book.tick(at(39)).empty());
  REQUIRE(book.recall(two, "b", at(39)));
  CHECK(book.tick(at(40)) == std::vector<request_id>{5});
  CHECK(book.open_of(two) == 1);
  // It can still be asked for, and says what became of it.
  REQUIRE(book.recall(two, "a", at(41)));
  gateway other;
  other.take(book, two);
  REQUIRE(other.failures.size() == 1);
  CHECK(other.failures[0].code() == errc::cancelled);
  CHECK(book.tick(at(100)).empty());
  CHECK(book.recall(two, "a", at(101)).error().code() == errc::not_found);
  CHECK(book.size() == 1);
}

TEST_CASE("answers that have ended are kept within bounds, oldest first") {
  answer_book::limits limits;
  limits.ended_bytes = 6000;
  answer_book book(limits);
  for (request_id id = 1; id <= 8; ++id) {
    REQUIRE(book.open(one, ask(id, "n" + std::to_string(id)), at(0)));
    book.take({drawn(id, 0, 20, true)}, at(0));
  }
  CHECK(book.tick(at(1)).empty());
  CHECK(book.size() < 8);
  CHECK(book.size() > 0);
  CHECK_FALSE(book.recall(one, "n1", at(1)));
  CHECK(book.recall(one, "n8", at(1)));
}

TEST_CASE("one that takes an answer over ends it for the other") {
  answer_book book({});
  REQUIRE(book.open(one, ask(5, "a"), at(0)));
  book.take({drawn(5, 0, 3)}, at(0));
  gateway former;
  former.take(book, one);
  REQUIRE(book.recall(two, "a", at(1)));
  former.take(book, one);
  REQUIRE(former.failures.size() == 1);
  CHECK_FALSE(book.forget(one, 5, at(1)));  // it is not its any more
  book.take({drawn(5, 3, 5, true)}, at(2));
  CHECK(book.waiting() == std::vector<peer_id>{two});
  gateway latter;
  latter.take(book, two);
  CHECK(latter.events.size() == 5);
}

TEST_CASE("a gateway that was away does not take back what another one has by now") {
  answer_book book({});
  REQUIRE(book.open(one, ask(5, "a"), at(0)));
  book.take({drawn(5, 0, 3)}, at(0));
  gateway former;
  former.take(book, one);
  book.lose(one, at(2));
  REQUIRE(book.recall(two, "a", at(3)));
  // It wakes up, joins anew and hands over what it had asked for; then its client hangs up.
  auto again = *ask(5, "a").asked;
  again.resumes = std::make_shared<answer_progress>(answer_progress{former.events, {}, 2});
  CHECK_FALSE(book.open(one, {5, std::make_shared<generation_request>(again)}, at(3)).value());
  former.take(book, one);
  REQUIRE(former.failures.size() == 1);
  CHECK(former.failures[0].code() == errc::cancelled);
  CHECK_FALSE(book.forget(one, 5, at(3)));
  book.take({drawn(5, 3, 6, true)}, at(4));
  gateway latter;
  latter.take(book, two);
  CHECK(latter.events.size() == 6);
  CHECK(latter.summary);
  CHECK(former.events.size() == 3);
  CHECK(book.waiting().empty());
}

TEST_CASE("open answers are bounded") {
  answer_book::limits limits;
  limits.open = 2;
  answer_book book(limits);
  REQUIRE(book.open(one, ask(1), at(0)));
  REQUIRE(book.open(one, ask(2), at(0)));
  CHECK(book.open(one, ask(3), at(0)).error().code() == errc::exhausted);
  CHECK(book.forget(one, 1, at(0)));
  CHECK(book.open(one, ask(3), at(0)).value());
}

TEST_CASE("whatever is lost on the way, every answer arrives whole and in order") {
  for (std::uint32_t seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    answer_book::limits limits;
    limits.events_at_once = 1 + random() % 8;
    answer_book book(limits);
    gateway mine;
    peer_id self = 100;
    const std::uint32_t length = 1 + random() % 60;
    std::uint32_t made = 0;
    REQUIRE(book.open(self, ask(5, "a"), at(0)).value());
    for (int i = 0; i < 300 && !mine.summary; ++i) {
      const std::uint32_t what = random() % 10;
      if (what < 4 && made < length) {
        const std::uint32_t to = std::min<std::uint32_t>(length, made + 1 + random() % 3);
        book.take({drawn(5, made, to, to == length)}, at(0));
        made = to;
      } else if (what < 8) {
        mine.take(book, self);
      } else if (what == 8) {
        book.lose(self, at(0));
        auto again = *ask(5, "a").asked;
        again.resumes = std::make_shared<answer_progress>(answer_progress{mine.events, {}, {}});
        CHECK_FALSE(
            book.open(++self, {5, std::make_shared<generation_request>(again)}, at(0)).value());
      } else {
        mine = {};
        book.lose(self, at(0));
        REQUIRE(book.recall(++self, "a", at(0)));
      }
    }
    if (made < length) book.take({drawn(5, made, length, true)}, at(0));
    for (int i = 0; i < 200 && !book.waiting().empty(); ++i) mine.take(book, self);
    REQUIRE(mine.summary);
    CHECK(mine.events.size() == length);
  }
}

}  // namespace
}  // namespace troupe
