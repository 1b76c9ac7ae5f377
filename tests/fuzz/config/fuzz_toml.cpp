#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "runtime/config/engine_keys.hpp"
#include "runtime/config/toml.hpp"

/// Any bytes either read, and then what is written reads again, or give an error of one line.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  troupe::engine_config config;
  troupe::config_schema schema;
  troupe::describe(schema, config);
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto done = troupe::read_toml(schema, text, "fuzz.toml");
  if (!done && done.error().message().find('\n') != std::string::npos) std::abort();
  if (done && !troupe::read_toml(schema, troupe::write_toml(schema), "again.toml")) std::abort();
  return 0;
}
