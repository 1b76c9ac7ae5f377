#include "runtime/base/sha256.hpp"

#include <doctest/doctest.h>

#include <span>
#include <string_view>

namespace troupe {
namespace {

TEST_CASE("SHA-256 is SHA-256") {
  sha256 hash;
  hash.add(std::as_bytes(std::span(std::string_view("abc"))));
  CHECK(hash.finish() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("texts do not run into each other") {
  sha256 one;
  one.add("ab");
  one.add("c");
  sha256 other;
  other.add("a");
  other.add("bc");
  CHECK(one.finish() != other.finish());
}

}  // namespace
}  // namespace troupe
