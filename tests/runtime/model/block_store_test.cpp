#include "runtime/model/block_store.hpp"

#include <doctest/doctest.h>
#include <sys/resource.h>

#include <csignal>
#include <fstream>

#include "tests/support/paths.hpp"

namespace troupe {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t block = 4096;
const std::string identity = "00ff";

block_map map_of_three() {
  auto map = block_map::make({{"m.gguf", 2 * block + 100}}, block);
  REQUIRE(map);
  return *std::move(map);
}

std::unique_ptr<block_store> open(const fs::path& folder) {
  auto store = block_store::open(folder, identity, map_of_three());
  REQUIRE_MESSAGE(store, (store ? "" : store.error().message()));
  return *std::move(store);
}

std::vector<std::byte> filled(std::size_t bytes, int value) {
  return std::vector<std::byte>(bytes, static_cast<std::byte>(value));
}

/// No file may grow past so many bytes while this lives.
class small_disk {
 public:
  explicit small_disk(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit now{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &now);
  }
  small_disk(const small_disk&) = delete;
  small_disk& operator=(const small_disk&) = delete;
  ~small_disk() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int);
};

TEST_CASE("what was kept is here when it is opened again, and nothing else is") {
  const test::temporary_directory folder;
  {
    const auto store = open(folder.path());
    CHECK(fs::file_size(store->model(false)) == 2 * block + 100);
    REQUIRE(store->write(2, filled(100, 7)));
    CHECK_FALSE(store->has(2));
    REQUIRE(store->keep());
    CHECK(store->has(2));
    REQUIRE(store->write(0, filled(block, 9)));
  }
  const auto store = open(folder.path());
  CHECK_FALSE(store->has(0));
  CHECK_FALSE(store->has(1));
  REQUIRE(store->has(2));
  std::vector<std::byte> bytes(100);
  REQUIRE(store->read(2, bytes));
  CHECK(bytes == filled(100, 7));
  CHECK(store->model(true) == folder.path() / identity);
}

TEST_CASE("each process that has the same model open gets files of its own") {
  const test::temporary_directory folder;
  const auto first = open(folder.path());
  const auto second = open(folder.path());
  CHECK(first->model(false) != second->model(false));
  REQUIRE(first->write(0, filled(block, 1)));
  REQUIRE(first->keep());
  CHECK_FALSE(second->has(0));
}

TEST_CASE("an index that is damaged says that nothing is here") {
  const test::temporary_directory folder;
  {
    const auto store = open(folder.path());
    REQUIRE(store->write(0, filled(block, 1)));
    REQUIRE(store->keep());
  }
  std::fstream index(folder.path() / identity / ".blocks",
                     std::ios::in | std::ios::out | std::ios::binary);
  index.put(7);
  index.close();
  CHECK_FALSE(open(folder.path())->has(0));
}

TEST_CASE("files of another size are not taken") {
  const test::temporary_directory folder;
  { const auto store = open(folder.path()); }
  fs::resize_file(folder.path() / identity / "m.gguf", 5);
  const auto store = block_store::open(folder.path(), identity, map_of_three());
  REQUIRE_FALSE(store);
  CHECK(store.error().code() == errc::corrupt);
}

TEST_CASE("where there is no room it says so, and leaves nothing behind") {
  const test::temporary_directory folder;
  {
    const small_disk full(block);
    const auto store = block_store::open(folder.path(), identity, map_of_three());
    REQUIRE_FALSE(store);
    CHECK(store.error().code() == errc::exhausted);
  }
  CHECK(fs::is_empty(folder.path()));
  const auto store = open(folder.path());
  REQUIRE(store->write(0, filled(block, 1)));
  {
    const small_disk full(block);
    const auto done = store->write(1, filled(block, 1));
    REQUIRE_FALSE(done);
    CHECK(done.error().code() == errc::exhausted);
  }
  store->discard();
  CHECK(fs::is_empty(folder.path()));
}

TEST_CASE("a discard leaves what was kept before") {
  const test::temporary_directory folder;
  const auto store = open(folder.path());
  REQUIRE(store->write(0, filled(block, 1)));
  REQUIRE(store->keep());
  REQUIRE(store->write(1, filled(block, 2)));
  store->discard();
  REQUIRE(store->keep());
  CHECK(store->has(0));
  CHECK_FALSE(store->has(1));
  std::vector<std::byte> bytes(block);
  REQUIRE(store->read(0, bytes));
  CHECK(bytes == filled(block, 1));
}

}  // namespace
}  // namespace troupe
