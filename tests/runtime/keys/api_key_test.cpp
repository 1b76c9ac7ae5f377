#include "runtime/keys/api_key.hpp"

#include <doctest/doctest.h>

#include "runtime/keys/key_names.hpp"

namespace troupe {
namespace {

TEST_CASE("keys are long, differ, and their hints do not give them away") {
  const auto one = api_key::draw();
  const auto other = api_key::draw();
  REQUIRE(one);
  REQUIRE(other);
  CHECK(one->text().starts_with("tr-"));
  CHECK(one->text().size() == 3 + 64);
  CHECK(one->text() != other->text());
  CHECK(one->hint().size() == 3 + 4 + 3 + 4);
  CHECK(hash_of_key(one->text()).size() == 64);
  CHECK(hash_of_key(one->text()) != hash_of_key(other->text()));
}

TEST_CASE("the hash is plain SHA-256, as any tool makes it") {
  CHECK(hash_of_key("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("a scope without endpoints is all but the administrator's") {
  key_scope scope;
  CHECK(allows_endpoint(scope, "chat"));
  CHECK_FALSE(allows_endpoint(scope, "admin"));
  scope.endpoints = {"admin"};
  CHECK(allows_endpoint(scope, "admin"));
  CHECK_FALSE(allows_endpoint(scope, "chat"));
  CHECK(allows_model(scope, "any"));
  scope.models = {"one", "two"};
  CHECK(allows_model(scope, "two"));
  CHECK_FALSE(allows_model(scope, "any"));
}

TEST_CASE("names and scopes that would break a list are refused") {
  CHECK(check_key_name("team-a.1_x"));
  for (const char* bad : {"", "a b", "a,b", "\xc3\xa9", "a\n"}) CHECK_FALSE(check_key_name(bad));
  CHECK_FALSE(check_key_name(std::string(65, 'a')));
  CHECK(check_key_scope({{"Qwen/Qwen3-0.6B"}, {"chat", "admin"}}));
  CHECK_FALSE(check_key_scope({{"a,b"}, {}}));
  CHECK(check_key_scope({{}, {"chats"}}).error().message().find("completions") !=
        std::string::npos);
}

}  // namespace
}  // namespace troupe
