#include <doctest/doctest.h>

#include "runtime/config/autoscale_keys.hpp"
#include "runtime/config/toml.hpp"

namespace troupe {

TEST_CASE("autoscaling's settings are read, and every key takes its own value back") {
  autoscale_config config;
  config_schema schema;
  describe(schema, config);
  REQUIRE(read_toml(schema,
                    "[autoscale]\nmeans = \"command\"\ncommand = \"/opt/scale\"\n"
                    "join = \"a:1,b:2\"\nleast_nodes = 2\nmost_nodes = 8\nqueued_high_ms = 900\n"
                    "up_after_s = 7\ncall_timeout_s = 30\n",
                    "f")
              .has_value());
  CHECK(config.means == scale_means::command);
  CHECK(config.command == "/opt/scale");
  CHECK(config.join == "a:1,b:2");
  CHECK(config.least == 2);
  CHECK(config.most == 8);
  CHECK(config.queued_high_ms == 900);
  CHECK(config.up_after == std::chrono::seconds(7));
  CHECK(config.call_timeout == std::chrono::seconds(30));
  for (const config_key& key : schema.keys()) CHECK(key.set(key.get()).has_value());
}

TEST_CASE("without autoscaling nothing else of it is looked at") {
  autoscale_config config;
  config.queued_low_ms = config.queued_high_ms;
  CHECK(check(config, 4).has_value());
}

TEST_CASE("autoscaling needs nodes to move between, highs above lows and whom to call") {
  autoscale_config good;
  good.means = scale_means::command;
  good.command = "/opt/scale";
  good.most = 4;
  REQUIRE(check(good, 2).has_value());
  CHECK(good.least == 2);

  const auto why = [&](auto change, std::uint32_t nodes = 2) {
    autoscale_config config = good;
    change(config);
    const auto done = check(config, nodes);
    return done ? std::string() : done.error().message();
  };
  CHECK(why([](auto& c) { c.most = 0; }).find("most_nodes (0) must be at least 2") !=
        std::string::npos);
  CHECK(why([](auto&) {}, 5) == "the cluster begins with 5 nodes, and 4 are the most");
  CHECK(why([](auto& c) { c.command.clear(); }).find("--autoscale-command") != std::string::npos);
  CHECK(why([](auto& c) { c.queued_low_ms = c.queued_high_ms; }).find("queued_low_ms") !=
        std::string::npos);
  CHECK(why([](auto& c) { c.kv_low_percent = 90; }).find("kv_low_percent (90)") !=
        std::string::npos);
}

}  // namespace troupe
