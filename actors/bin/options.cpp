#include "actors/bin/options.hpp"

namespace troupe::cli {

void add_options(CLI::App& app, const config_schema& schema, overrides& given) {
  for (const config_key& key : schema.keys()) {
    if (key.option.empty()) continue;
    auto note = [&given, option = key.option](const std::string& value) {
      given.emplace_back(option, value);
    };
    app.add_option_function<std::string>(key.option, note, key.help)->type_name(key.metavar);
  }
}

result<void> apply_overrides(const config_schema& schema, const overrides& given) {
  for (const auto& [option, value] : given) {
    for (const config_key& key : schema.keys()) {
      if (key.option != option) continue;
      if (auto done = key.set_text(value); !done) return fail(done.error().within(option));
    }
  }
  return {};
}

}  // namespace troupe::cli
