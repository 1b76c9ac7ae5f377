#include "runtime/device/thread_usage.hpp"

#include <doctest/doctest.h>
#include <pthread.h>

#include <atomic>
#include <thread>

namespace troupe {

TEST_CASE("threads' use of the machine is told apart by their names") {
  CHECK(usage_of_threads("no such thread").yields == 0);
  std::atomic<int> stage = 0;
  std::jthread other([&] {
    pthread_setname_np(pthread_self(), "usage.test");
    stage.store(1);
    stage.notify_all();
    stage.wait(1);
    stage.store(3);
    stage.notify_all();
    stage.wait(3);
  });
  stage.wait(0);
  const thread_usage before = usage_of_threads("usage.");
  stage.store(2);
  stage.notify_all();
  while (stage.load() != 3) stage.wait(2);
  const thread_usage after = usage_of_threads("usage.");
  CHECK(after.yields >= before.yields);
  CHECK(after.seconds >= before.seconds);
  CHECK(usage_of_threads("").seconds > 0);
  stage.store(4);
  stage.notify_all();
}

}  // namespace troupe
