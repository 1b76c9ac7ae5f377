#include "runtime/cache/page_pool.hpp"

#include <doctest/doctest.h>

namespace troupe {
namespace {

TEST_CASE("pages are given once each until none is left") {
  page_pool pool(3);
  CHECK(pool.take()->page == 0);
  CHECK(pool.take()->page == 1);
  CHECK(pool.take()->page == 2);
  CHECK_FALSE(pool.take().has_value());
  CHECK(pool.available() == 0);
}

TEST_CASE("a cached page is taken back only when free ones run out, oldest first") {
  page_pool pool(3);
  for (int i = 0; i < 3; ++i) (void)pool.take();
  pool.drop(1, true);
  pool.drop(0, true);
  pool.drop(2, false);
  CHECK(pool.available() == 3);
  CHECK(pool.cached() == 2);
  CHECK(pool.take()->page == 2);
  const auto first = pool.take();
  CHECK(first->page == 1);
  CHECK(first->evicted);
  CHECK(pool.take()->page == 0);
}

TEST_CASE("a shared page stays in use until its last user drops it") {
  page_pool pool(1);
  (void)pool.take();
  pool.share(0);
  pool.drop(0, true);
  CHECK(pool.available() == 0);
  pool.drop(0, true);
  CHECK(pool.cached() == 1);
  pool.share(0);
  CHECK(pool.cached() == 0);
  CHECK(pool.available() == 0);
}

TEST_CASE("dropping a page that nobody uses changes nothing") {
  page_pool pool(1);
  pool.drop(0, false);
  CHECK(pool.available() == 1);
}

TEST_CASE("a page claimed by number is not given out, wherever it was among the free ones") {
  for (std::int32_t claimed = 0; claimed < 4; ++claimed) {
    page_pool pool(4);
    pool.claim(claimed);
    pool.claim(claimed);
    CHECK(pool.users(claimed) == 2);
    CHECK(pool.available() == 3);
    for (int i = 0; i < 3; ++i) CHECK(pool.take()->page != claimed);
    CHECK_FALSE(pool.take().has_value());
    pool.drop(claimed, false);
    CHECK(pool.available() == 0);
    pool.drop(claimed, false);
    CHECK(pool.take()->page == claimed);
  }
}

TEST_CASE("a page number is known up to the total") {
  const page_pool pool(4);
  CHECK(pool.contains(0));
  CHECK(pool.contains(3));
  CHECK_FALSE(pool.contains(4));
  CHECK_FALSE(pool.contains(-1));
}

}  // namespace
}  // namespace troupe
