#include "actors/gateway/answer_relay.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>

using namespace troupe;
using namespace troupe::gateway;

namespace {

struct counting_session : completion_session {
  void cancel() override { ++cancelled; }
  int cancelled = 0;
};

}  // namespace

TEST_CASE("a session that comes after its client has left is cancelled, and takes nothing more") {
  const auto relay = std::make_shared<answer_relay>(std::weak_ptr<boost::asio::io_context>(),
                                                    std::weak_ptr<connection>(), 1000);
  relay->begin(200, "text/event-stream");
  CHECK(relay->write("data: a\n\n"));
  relay->abandon();
  CHECK_FALSE(relay->wanted());
  const auto session = std::make_shared<counting_session>();
  relay->attach(session);
  CHECK(session->cancelled == 1);
  CHECK_FALSE(relay->write("data: b\n\n"));
  CHECK(session.use_count() == 1);
}

TEST_CASE("a session that has ended is let go without being cancelled") {
  const auto relay = std::make_shared<answer_relay>(std::weak_ptr<boost::asio::io_context>(),
                                                    std::weak_ptr<connection>(), 1000);
  relay->begin(200, "application/json");
  CHECK(relay->write("{"));
  relay->end("}");
  const auto session = std::make_shared<counting_session>();
  relay->attach(session);
  CHECK(session->cancelled == 0);
  CHECK(session.use_count() == 1);
}

TEST_CASE("a stream that nobody fetches is bounded; a whole answer is not cut") {
  boost::asio::io_context io;
  const std::shared_ptr<boost::asio::io_context> shared(&io, [](auto*) {});
  const auto stream = std::make_shared<answer_relay>(shared, std::weak_ptr<connection>(), 1000);
  stream->begin(200, "text/event-stream");
  int taken = 0;
  while (taken < 1000 && stream->write(std::string(100, 'x'))) ++taken;
  CHECK(taken == 10);
  const auto whole = std::make_shared<answer_relay>(shared, std::weak_ptr<connection>(), 1000);
  whole->begin(200, "application/json");
  CHECK(whole->write(std::string(100'000, 'x')));
  CHECK(whole->write("y"));
  io.run();
}
