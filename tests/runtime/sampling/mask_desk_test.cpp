#include "runtime/sampling/mask_desk.hpp"

#include <doctest/doctest.h>

#include <thread>

namespace troupe {
namespace {

using state = token_masks::state;

constexpr std::uint32_t vocab = 70;
constexpr std::chrono::milliseconds at_once{0};
constexpr std::chrono::seconds deadline{30};

std::shared_ptr<token_masks> masks(std::uint32_t bits, std::uint32_t rows = 2) {
  auto made = std::make_shared<token_masks>(rows, vocab);
  for (std::uint32_t row = 0; row < rows; ++row) made->write(row)[1] = bits + row;
  return made;
}

std::shared_ptr<token_masks> published(std::uint32_t bits, std::uint32_t rows = 2) {
  auto made = masks(bits, rows);
  made->publish();
  return made;
}

TEST_CASE("masks and their step meet, whichever comes first") {
  mask_desk desk;
  desk.begin(4);
  const auto early = masks(0);
  const auto again = masks(0);
  desk.expect(4, 1, early);
  desk.expect(4, 1, again);  // another stage of the same node
  CHECK(early->await(at_once) == state::awaited);
  desk.take(4, 1, published(9));
  for (const auto& each : {early, again}) {
    REQUIRE(each->await(at_once) == state::there);
    CHECK(each->row(1)[1] == 10);
  }
  desk.take(4, 2, published(20));
  const auto late = masks(0);
  desk.expect(4, 2, late);
  REQUIRE(late->await(at_once) == state::there);
  CHECK(late->row(0)[1] == 20);
}

TEST_CASE("a new epoch gives up what is awaited, and what comes of an old one counts for nothing") {
  mask_desk desk;
  desk.begin(4);
  const auto waiting = masks(0);
  desk.expect(4, 1, waiting);
  desk.take(4, 2, published(5));
  desk.begin(5);
  CHECK(waiting->await(at_once) == state::given_up);
  const auto stale = masks(0);
  desk.expect(4, 3, stale);
  CHECK(stale->await(at_once) == state::given_up);
  const auto fresh = masks(0);
  desk.expect(5, 2, fresh);  // the same number: what came of it was of the old epoch
  desk.take(4, 2, published(5));
  CHECK(fresh->await(at_once) == state::awaited);
  desk.end();
  CHECK(fresh->await(at_once) == state::given_up);
  const auto after = masks(0);
  desk.expect(5, 4, after);
  CHECK(after->await(at_once) == state::given_up);
}

TEST_CASE("masks of other numbers than the step's are not taken for its own") {
  mask_desk desk;
  desk.begin(1);
  const auto waiting = masks(0, 3);
  desk.expect(1, 1, waiting);
  desk.take(1, 1, published(5, 2));
  CHECK(waiting->await(at_once) == state::given_up);
}

TEST_CASE("only so many steps are remembered") {
  mask_desk desk(3);
  desk.begin(1);
  std::vector<std::shared_ptr<token_masks>> all;
  for (std::uint64_t step = 1; step <= 5; ++step) {
    all.push_back(masks(0));
    desk.expect(1, step, all.back());
  }
  CHECK(all[0]->await(at_once) == state::given_up);
  CHECK(all[1]->await(at_once) == state::given_up);
  CHECK(all[2]->await(at_once) == state::awaited);
  CHECK(all[4]->await(at_once) == state::awaited);
}

TEST_CASE("what was published is not given up, and who waits in another thread hears of either") {
  const auto done = published(3);
  done->give_up();
  CHECK(done->await(at_once) == state::there);
  for (const bool comes : {true, false}) {
    mask_desk desk;
    desk.begin(1);
    const auto waiting = masks(0);
    desk.expect(1, 1, waiting);
    state heard = state::awaited;
    std::jthread reader([&] { heard = waiting->await(deadline); });
    comes ? desk.take(1, 1, published(3)) : desk.begin(2);
    reader.join();
    CHECK(heard == (comes ? state::there : state::given_up));
  }
}

}  // namespace
}  // namespace troupe
