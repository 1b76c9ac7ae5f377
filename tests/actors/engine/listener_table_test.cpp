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

TEST_CASE("a repeated token is dropped and a missing one ends the request") {
  listener_table table(4);
  const auto listener = std::make_shared<answer_collector>();
  const request_id id = table.add(listener, 1).value();
  table.deliver(id, {token(0, 7), token(1, 8)}, {}, nullptr);
  table.deliver(id, {token(1, 8), token(2, 9)}, {}, nullptr);
  CHECK(listener->take().events.at(0).size() == 3);
  table.deliver(id, {token(4, 11)}, {}, nullptr);
  REQUIRE(listener->failure().has_value());
  CHECK(listener->failure()->code() == errc::internal);
  CHECK(table.size() == 0);
}

TEST_CASE("the table is bounded, and closing it fails what is open") {
  listener_table table(1);
  const auto first = std::make_shared<answer_collector>();
  REQUIRE(table.add(first, 1));
  CHECK(table.add(std::make_shared<answer_collector>(), 1).error().code() == errc::exhausted);
  table.close({errc::unavailable, "bye"});
  CHECK(first->failure()->message() == "bye");
  CHECK(table.add(std::make_shared<answer_collector>(), 1).error().code() == errc::unavailable);
}

TEST_CASE("a removed listener hears nothing more") {
  listener_table table(2);
  const auto listener = std::make_shared<answer_collector>();
  const request_id id = table.add(listener, 1).value();
  table.remove(id);
  table.deliver(id, {token(0, 1)}, {}, nullptr);
  table.fail(id, {errc::internal, "x"});
  CHECK(listener->take().events.empty());
  CHECK_FALSE(listener->failure().has_value());
}

}  // namespace
}  // namespace troupe::test
