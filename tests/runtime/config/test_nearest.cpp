#include "runtime/config/nearest.hpp"

#include <doctest/doctest.h>

#include <array>
#include <string>

namespace troupe {

TEST_CASE("edit distance counts insertions, deletions, substitutions and swaps") {
  CHECK(edit_distance("", "") == 0);
  CHECK(edit_distance("port", "port") == 0);
  CHECK(edit_distance("prot", "port") == 1);
  CHECK(edit_distance("pot", "port") == 1);
  CHECK(edit_distance("porta", "port") == 1);
  CHECK(edit_distance("", "port") == 4);
  CHECK(edit_distance("kitten", "sitting") == 3);
}

TEST_CASE("the nearest word is a slip of the fingers away, or there is none") {
  const std::array<std::string_view, 4> known{"threads", "stages", "kv_memory_mib",
                                              "idle_timeout_s"};
  CHECK(nearest("thread", known) == "threads");
  CHECK(nearest("Stages", known) == "stages");
  CHECK(nearest("kv_memory", known) == "kv_memory_mib");
  CHECK(nearest("idle_timeout", known) == "idle_timeout_s");
  CHECK(nearest("colour", known).empty());
  CHECK(nearest(std::string(100'000, 'a'), known).empty());
}

}  // namespace troupe
