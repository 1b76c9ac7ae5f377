#include "runtime/sampling/structure_library.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <future>
#include <thread>

#include "tests/runtime/sampling/vocabulary.hpp"

namespace troupe {
namespace {

using compile_fn = structure_library::compile_fn;
using structure_ptr = structure_library::structure_ptr;

/// Compiles when it is told to.
struct gate {
  std::promise<void> open;
  std::shared_future<void> opened = open.get_future().share();
  std::atomic<int> calls = 0;

  [[nodiscard]] std::function<compile_fn()> maker() {
    return [this]() -> compile_fn {
      return [this](const std::string& structure) -> result<structure_ptr> {
        ++calls;
        opened.wait_for(std::chrono::seconds(30));
        return fail(errc::invalid_argument, "{} is none", structure);
      };
    };
  }
};

TEST_CASE("a structure is compiled once for all that ask, and kept") {
  const auto library =
      make_structure_library(test::tiny_tokenizer(), test::tiny_vocab, {test::tiny_end});
  const std::string one = test::tag_of(R"({"type":"regex","pattern":"a+"})");
  std::vector<std::jthread> askers;
  std::vector<result<structure_ptr>> got(4, fail(errc::internal, "nothing came"));
  askers.reserve(got.size());
  for (auto& each : got) askers.emplace_back([&] { each = library->get(one); });
  askers.clear();
  for (const auto& each : got) {
    REQUIRE(each);
    CHECK(*each == *got.front());
  }
  CHECK(library->compiled() == 1);
  const auto again = library->want(one);
  REQUIRE(again);
  CHECK((*again)->done());
}

TEST_CASE("a refusal is kept, too") {
  gate g;
  g.open.set_value();
  structure_library library(g.maker());
  CHECK(library.get("x").error().message() == "x is none");
  CHECK(library.get("x").error().code() == errc::invalid_argument);
  CHECK(g.calls == 1);
}

TEST_CASE("no more wait than may, and none for longer than the bound") {
  gate g;
  structure_limits limits;
  limits.threads = 1;
  limits.waiting = 1;
  limits.longest = std::chrono::milliseconds(50);
  structure_library library(g.maker(), limits);
  REQUIRE(library.want("slow"));
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (g.calls == 0 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  const auto slow = library.get("slow");
  REQUIRE_FALSE(slow);
  CHECK(slow.error().code() == errc::out_of_range);
  CHECK(library.get("slow").error().code() == errc::out_of_range);
  CHECK(g.calls == 1);
  const auto behind = library.get("behind");
  REQUIRE_FALSE(behind);
  CHECK(behind.error().code() == errc::exhausted);
  CHECK(library.want("third").error().code() == errc::exhausted);
  CHECK(library.want("third", 9));
  g.open.set_value();
}

TEST_CASE("the least recently used go first") {
  gate g;
  g.open.set_value();
  structure_limits limits;
  limits.threads = 1;
  limits.kept = 3;
  structure_library library(g.maker(), limits);
  for (const char* name : {"a", "b", "c"}) (void)library.get(name);
  (void)library.get("a");
  (void)library.get("d");
  (void)library.get("e");
  (void)library.get("a");
  CHECK(g.calls == 5);
  CHECK(library.kept() == 3);
  (void)library.get("b");
  CHECK(g.calls == 6);
}

TEST_CASE("a vocabulary that cannot be used refuses every structure") {
  structure_library library([]() -> compile_fn { throw std::runtime_error("too odd"); });
  const auto got = library.get("x");
  REQUIRE_FALSE(got);
  CHECK(got.error().code() == errc::unsupported);
}

}  // namespace
}  // namespace troupe
