#include "runtime/config/toml.hpp"

#include <doctest/doctest.h>

#include <fstream>

#include "runtime/config/engine_keys.hpp"
#include "tests/support/paths.hpp"

namespace troupe {
namespace {

/// An engine configuration with the schema bound to it.
struct fixture {
  engine_config config;
  config_schema schema;
  fixture() { describe(schema, config); }

  std::string error_of(std::string_view text) {
    const auto done = read_toml(schema, text, "troupe.toml");
    return done ? "" : done.error().message();
  }
};

}  // namespace

TEST_CASE("keys that a file names are read and the others keep their defaults") {
  fixture f;
  CHECK(f.error_of("[engine]\nthreads = 2\nkv_memory_mib = 64\nprefix_cache = false\n").empty());
  CHECK(f.config.threads == 2);
  CHECK(f.config.kv_bytes == 64U << 20U);
  CHECK_FALSE(f.config.prefix_cache);
  CHECK(f.config.step_rows == engine_config{}.step_rows);
  CHECK(f.error_of("").empty());
}

TEST_CASE("an unknown key names file, line, key and the nearest known key") {
  fixture f;
  CHECK(f.error_of("[engine]\nthreads = 2\nstep_row = 7\n") ==
        "troupe.toml:3: unknown key 'step_row' in [engine]; did you mean 'step_rows'?");
  CHECK(f.error_of("# a comment\n\n[engin]\n") ==
        "troupe.toml:3: unknown table [engin]; did you mean 'engine'?");
  CHECK(f.error_of("threads = 2\n") == "troupe.toml:1: key 'threads' belongs in [engine]");
  CHECK(f.error_of("colour = 2\n") == "troupe.toml:1: unknown key 'colour' outside a table");
  CHECK(f.error_of("engine = 2\n") ==
        "troupe.toml:1: 'engine' is a table: write [engine] on a line of its own");
}

TEST_CASE("a wrong type, range or syntax names file, line and key") {
  fixture f;
  CHECK(f.error_of("[engine]\n\nthreads = \"two\"\n") ==
        "troupe.toml:3: engine.threads: must be an integer, not a string");
  CHECK(f.error_of("[engine]\nthreads = 5000\n") ==
        "troupe.toml:2: engine.threads: must be from 0 to 1024, not 5000");
  CHECK(f.error_of("[engine]\nthreads = [1]\n") ==
        "troupe.toml:2: engine.threads: a value of type array is not allowed here");
  CHECK(f.error_of("[engine]\nthreads = 1.5\n").starts_with("troupe.toml:2: engine.threads: "));
  CHECK(f.error_of("[engine]\nthreads =\n").starts_with("troupe.toml:2: "));
  CHECK(f.error_of("[engine]\nthreads = 1\nthreads = 2\n").starts_with("troupe.toml:3: "));
}

TEST_CASE("what is written reads back to the same values") {
  fixture from;
  from.config.threads = 3;
  from.config.kv_bytes = 7U << 20U;
  from.config.kv = kernels::kv_type::f32;
  from.config.prefix_cache = false;
  fixture to;
  REQUIRE(read_toml(to.schema, write_toml(from.schema), "written").has_value());
  CHECK(write_toml(to.schema) == write_toml(from.schema));
  CHECK(to.config.threads == 3);
  CHECK(to.config.kv == kernels::kv_type::f32);
}

TEST_CASE("a missing, foreign or huge file is one line that says which and why") {
  fixture f;
  const test::temporary_directory folder;
  const auto missing = read_toml_file(f.schema, folder.path() / "none.toml");
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error().code() == errc::not_found);
  CHECK(missing.error().message().find("none.toml: No such file") != std::string::npos);
  const auto big = folder.path() / "big.toml";
  std::ofstream(big) << std::string((1U << 20U) + 1, '#');
  const auto refused = read_toml_file(f.schema, big);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code() == errc::out_of_range);
  CHECK_FALSE(read_toml_file(f.schema, folder.path()).has_value());
}

TEST_CASE("deep nesting in a file is an error, not a crash") {
  fixture f;
  const std::string deep = "a = " + std::string(100'000, '[');
  CHECK_FALSE(f.error_of(deep).empty());
}

}  // namespace troupe
