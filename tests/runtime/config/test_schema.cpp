#include "runtime/config/schema.hpp"

#include <doctest/doctest.h>

#include "runtime/config/engine_keys.hpp"

namespace troupe {

TEST_CASE("every engine key takes its own value back") {
  engine_config config;
  config_schema schema;
  describe(schema, config);
  for (const config_key& key : schema.keys()) {
    CAPTURE(key.name);
    CHECK(key.set(key.get()).has_value());
    CHECK_FALSE(key.help.empty());
  }
}

TEST_CASE("a value keeps its unit: MiB become bytes and seconds milliseconds") {
  engine_config config;
  std::chrono::milliseconds timeout{75'000};
  config_schema schema;
  describe(schema, config);
  schema.begin_table("http", "");
  schema.seconds("idle_timeout_s", timeout, 1, 3600, "");
  CHECK(schema.find("engine", "kv_memory_mib")->set(config_value(std::int64_t{2048})).has_value());
  CHECK(config.kv_bytes == std::size_t{2048} << 20U);
  CHECK(schema.find("http", "idle_timeout_s")->get() == config_value(std::int64_t{75}));
  CHECK(schema.find("http", "idle_timeout_s")->set(config_value(std::int64_t{5})).has_value());
  CHECK(timeout == std::chrono::seconds(5));
}

TEST_CASE("a value outside its range or of another type is refused and nothing changes") {
  engine_config config;
  config_schema schema;
  describe(schema, config);
  const config_key& threads = *schema.find("engine", "threads");
  const auto low = threads.set(config_value(std::int64_t{-1}));
  REQUIRE_FALSE(low.has_value());
  CHECK(low.error().message() == "must be from 0 to 1024, not -1");
  const auto text = threads.set(config_value(std::string("two")));
  REQUIRE_FALSE(text.has_value());
  CHECK(text.error().message() == "must be an integer, not a string");
  CHECK(config.threads == 0);
  const auto mode = schema.find("engine", "activations")->set(config_value(std::string("int8")));
  REQUIRE_FALSE(mode.has_value());
  CHECK(mode.error().message() == "must be one of auto, f32, integer, not 'int8'");
}

TEST_CASE("text from a command line becomes the key's own type") {
  engine_config config;
  config_schema schema;
  describe(schema, config);
  CHECK(schema.find("engine", "threads")->set_text("4").has_value());
  CHECK(config.threads == 4);
  CHECK(schema.find("engine", "prefix_cache")->set_text("off").has_value());
  CHECK_FALSE(config.prefix_cache);
  CHECK(schema.find("engine", "kv_type")->set_text("f32").has_value());
  CHECK(config.kv == kernels::kv_type::f32);
  CHECK_FALSE(schema.find("engine", "threads")->set_text("4x").has_value());
  CHECK_FALSE(schema.find("engine", "threads")->set_text("").has_value());
  CHECK_FALSE(schema.find("engine", "threads")->set_text("99999999999999999999").has_value());
  CHECK_FALSE(schema.find("engine", "prefix_cache")->set_text("yes").has_value());
}

TEST_CASE("text with control characters or too many bytes is refused") {
  std::string name = "before";
  config_schema schema;
  schema.begin_table("model", "");
  schema.text("name", name, 8, "");
  const config_key& key = *schema.find("model", "name");
  CHECK_FALSE(key.set(config_value(std::string("a\nb"))).has_value());
  CHECK_FALSE(key.set(config_value(std::string(9, 'a'))).has_value());
  CHECK(name == "before");
  CHECK(key.set(config_value(std::string("after"))).has_value());
  CHECK(name == "after");
}

}  // namespace troupe
