#include <doctest/doctest.h>

#include "runtime/config/cluster_keys.hpp"
#include "runtime/config/toml.hpp"

namespace troupe {

TEST_CASE("the cluster's settings are read, and every key takes its own value back") {
  cluster_config config;
  config_schema schema;
  describe(schema, config);
  REQUIRE(read_toml(
              schema,
              "[cluster]\nworkers = 4\nredundancy = 3\nhost = \"10.0.0.1\"\nport = 7001\n"
              "suspect_after_ms = 300\ngone_after_ms = 900\nexpert_workers = 2\nrebalance_ms = 0\n"
              "answers_kept_s = 5\n",
              "f")
              .has_value());
  CHECK(config.workers == 4);
  CHECK(config.redundancy == 3);
  CHECK(config.host == "10.0.0.1");
  CHECK(config.port == 7001);
  CHECK(config.suspect_after_ms == 300);
  CHECK(config.gone_after_ms == 900);
  CHECK(config.expert_workers == 2);
  CHECK(config.rebalance_ms == 0);
  CHECK(config.heartbeat_ms() == 30);
  CHECK(config.answers_kept == std::chrono::seconds(5));
  for (const config_key& key : schema.keys()) CHECK(key.set(key.get()).has_value());
}

TEST_CASE("a cluster without a single copy is refused") {
  cluster_config config;
  config_schema schema;
  describe(schema, config);
  const auto none = read_toml(schema, "[cluster]\nredundancy = 0\n", "f");
  REQUIRE_FALSE(none.has_value());
  CHECK(none.error().message() == "f:2: cluster.redundancy: must be from 1 to 16, not 0");
}

TEST_CASE("a node must be suspect before it is gone") {
  cluster_config config;
  CHECK(check(config).has_value());
  config.suspect_after_ms = config.gone_after_ms = 400;
  const auto done = check(config);
  REQUIRE_FALSE(done.has_value());
  CHECK(done.error().message() ==
        "cluster.gone_after_ms (400) must be more than cluster.suspect_after_ms (400)");
}

TEST_CASE("workers for experts need others beside them") {
  cluster_config config;
  config.expert_workers = 2;
  CHECK(check(config).error().message() ==
        "cluster.expert_workers (2) hold experts only: give cluster.workers for the rest");
  config.workers = 1;
  CHECK(check(config).has_value());
}

}  // namespace troupe
