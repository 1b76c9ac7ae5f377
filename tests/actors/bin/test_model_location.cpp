#include "actors/bin/model_location.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <map>

#include "tests/support/paths.hpp"

namespace troupe::cli {
namespace {

environment with(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const char* name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  };
}

}  // namespace

TEST_CASE("a model is the argument, else TROUPE_MODEL, else the fetched one") {
  const test::temporary_directory folder;
  const auto mine = folder.path() / "mine.gguf";
  std::ofstream(mine) << "x";
  const auto env = with({{"XDG_CACHE_HOME", folder.path()}, {"HOME", "/nowhere"}});
  CHECK(find_model(mine, env) == mine);

  const auto missing = find_model("", env);
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error().message().find("tools/fetch-model.sh") != std::string::npos);

  std::filesystem::create_directories(fetched_model(env).parent_path());
  std::ofstream(fetched_model(env)) << "x";
  CHECK(find_model("", env) == fetched_model(env));
  CHECK(find_model("", with({{"TROUPE_MODEL", mine}, {"XDG_CACHE_HOME", folder.path()}})) == mine);
}

TEST_CASE("a named model that is missing is an error and never replaced by another") {
  const auto given = find_model("/no/such/model", with({}));
  REQUIRE_FALSE(given.has_value());
  CHECK(given.error().message() == "/no/such/model: no such file or folder");
  const auto variable = find_model("", with({{"TROUPE_MODEL", "/no/such"}}));
  REQUIRE_FALSE(variable.has_value());
  CHECK(variable.error().message() == "/no/such (from TROUPE_MODEL): no such file or folder");
}

TEST_CASE("the cache is below HOME where XDG_CACHE_HOME is not set") {
  CHECK(fetched_model(with({{"HOME", "/h"}})).string().starts_with("/h/.cache/troupe/models/"));
  CHECK(fetched_model(with({{"HOME", "/h"}, {"XDG_CACHE_HOME", ""}})).string().starts_with("/h/"));
}

}  // namespace troupe::cli
