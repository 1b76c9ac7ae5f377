#include "actors/bin/serve_config.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <iterator>
#include <type_traits>

#include "actors/bin/node_options.hpp"
#include "actors/bin/options.hpp"
#include "runtime/config/toml.hpp"
#include "tests/support/paths.hpp"

namespace troupe::cli {

TEST_CASE_TEMPLATE("the files in configs/ are exactly the defaults", config_type, serve_config,
                   gateway_config, supervisor_config, node_options) {
  config_type config;
  config_schema schema;
  describe(schema, config);
  const auto file = test::data().parent_path().parent_path() / "configs" /
                    (std::is_same_v<config_type, gateway_config>      ? "gateway.toml"
                     : std::is_same_v<config_type, supervisor_config> ? "supervisor.toml"
                     : std::is_same_v<config_type, node_options>      ? "node.toml"
                                                                      : "troupe.toml");
  std::ifstream in(file);
  REQUIRE(in);
  const std::string text(std::istreambuf_iterator<char>(in), {});
  // To bring them up to date: troupe serve (or gateway, supervisor, node) --print-config > FILE
  CHECK(text == write_toml(schema));
  CHECK(read_toml_file(schema, file).has_value());
}

TEST_CASE("an option wins over the configuration file") {
  serve_config config;
  config_schema schema;
  describe(schema, config);
  overrides given;
  CLI::App app;
  add_options(app, schema, given);
  app.parse("--port 9000 --threads 3 --log-level warning --workers 4 --redundancy 3", false);
  REQUIRE(read_toml(schema, "[http]\nport = 1\nhost = \"::1\"\n[engine]\nthreads = 1\n", "f")
              .has_value());
  REQUIRE(apply_overrides(schema, given).has_value());
  CHECK(config.http.port == 9000);
  CHECK(config.http.host == "::1");
  CHECK(config.engine.threads == 3);
  CHECK(config.log_level == "warning");
  CHECK(config.cluster.workers == 4);
  CHECK(config.cluster.redundancy == 3);
}

TEST_CASE("an option out of range is named in the error") {
  serve_config config;
  config_schema schema;
  describe(schema, config);
  const auto bad = apply_overrides(schema, {{"--port", "70000"}});
  REQUIRE_FALSE(bad.has_value());
  CHECK(bad.error().message() == "--port: must be from 0 to 65535, not 70000");
  const auto word = apply_overrides(schema, {{"--threads", "many"}});
  REQUIRE_FALSE(word.has_value());
  CHECK(word.error().message() == "--threads: 'many' is not an integer");
}

}  // namespace troupe::cli
