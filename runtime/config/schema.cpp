#include "runtime/config/schema.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

namespace troupe {

std::string_view kind_name(const config_value& value) {
  constexpr std::string_view names[] = {"an integer", "true or false", "a string"};
  return names[value.index()];
}

config_key& config_key::on_command_line(std::string option_name, std::string value_name) {
  option = std::move(option_name);
  metavar = std::move(value_name);
  return *this;
}

result<void> config_key::set_text(std::string_view text) const {
  const config_value now = get();
  if (std::holds_alternative<std::string>(now)) return set(std::string(text));
  if (std::holds_alternative<bool>(now)) {
    if (text == "true" || text == "on") return set(true);
    if (text == "false" || text == "off") return set(false);
    return fail(errc::invalid_argument, "'{}' is neither true nor false", text);
  }
  std::int64_t number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code != std::errc() || end != text.data() + text.size())
    return fail(errc::invalid_argument, "'{}' is not an integer", text);
  return set(number);
}

void config_schema::begin_table(std::string name, std::string help) {
  tables_.push_back({std::move(name), std::move(help)});
}

void config_schema::list(std::string name, std::size_t most,
                         std::function<void(config_schema&)> describe_next) {
  lists_.push_back({std::move(name), most, std::move(describe_next)});
}

config_key& config_schema::value(std::string name, std::string help,
                                 std::function<config_value()> get,
                                 std::function<result<void>(const config_value&)> set) {
  keys_.push_back({.table = tables_.back().name,
                   .name = std::move(name),
                   .help = std::move(help),
                   .option = {},
                   .metavar = {},
                   .get = std::move(get),
                   .set = std::move(set)});
  return keys_.back();
}

config_key& config_schema::add(std::string name, std::string help,
                               std::function<std::int64_t()> get,
                               std::function<void(std::int64_t)> set, std::int64_t least,
                               std::int64_t most) {
  auto store = [set = std::move(set), least, most](const config_value& value) -> result<void> {
    const auto* number = std::get_if<std::int64_t>(&value);
    if (number == nullptr)
      return fail(errc::invalid_argument, "must be an integer, not {}", kind_name(value));
    if (*number < least || *number > most)
      return fail(errc::out_of_range, "must be from {} to {}, not {}", least, most, *number);
    set(*number);
    return {};
  };
  return value(
      std::move(name), std::move(help), [get = std::move(get)] { return config_value(get()); },
      std::move(store));
}

config_key& config_schema::add_one_of(std::string name, std::string help,
                                      std::function<std::int64_t()> get,
                                      std::function<void(std::int64_t)> set,
                                      const std::vector<std::int64_t>& allowed) {
  auto store = [set = std::move(set), allowed](const config_value& value) -> result<void> {
    const auto* number = std::get_if<std::int64_t>(&value);
    if (number == nullptr)
      return fail(errc::invalid_argument, "must be an integer, not {}", kind_name(value));
    if (std::find(allowed.begin(), allowed.end(), *number) == allowed.end())
      return fail(errc::out_of_range, "must be one of {}, not {}", fmt::join(allowed, ", "),
                  *number);
    set(*number);
    return {};
  };
  return value(
      std::move(name), std::move(help), [get = std::move(get)] { return config_value(get()); },
      std::move(store));
}

config_key& config_schema::seconds(std::string name, std::chrono::milliseconds& variable,
                                   std::int64_t least, std::int64_t most, std::string help) {
  return add(
      std::move(name), std::move(help),
      [&variable] { return std::chrono::duration_cast<std::chrono::seconds>(variable).count(); },
      [&variable](std::int64_t v) { variable = std::chrono::seconds(v); }, least, most);
}

config_key& config_schema::boolean(std::string name, bool& variable, std::string help) {
  auto store = [&variable](const config_value& value) -> result<void> {
    const auto* flag = std::get_if<bool>(&value);
    if (flag == nullptr)
      return fail(errc::invalid_argument, "must be true or false, not {}", kind_name(value));
    variable = *flag;
    return {};
  };
  return value(
      std::move(name), std::move(help), [&variable] { return config_value(variable); }, store);
}

config_key& config_schema::text(std::string name, std::string& variable, std::size_t most_bytes,
                                std::string help) {
  auto store = [&variable, most_bytes](const config_value& value) -> result<void> {
    const auto* words = std::get_if<std::string>(&value);
    if (words == nullptr)
      return fail(errc::invalid_argument, "must be a string, not {}", kind_name(value));
    if (words->size() > most_bytes)
      return fail(errc::out_of_range, "must have at most {} bytes, not {}", most_bytes,
                  words->size());
    const auto control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
    if (std::any_of(words->begin(), words->end(), control))
      return fail(errc::invalid_argument, "must not contain control characters");
    variable = *words;
    return {};
  };
  return value(
      std::move(name), std::move(help), [&variable] { return config_value(variable); }, store);
}

config_key& config_schema::add_choice(std::string name, std::string help,
                                      const std::vector<std::string>& names,
                                      std::function<std::size_t()> get,
                                      std::function<void(std::size_t)> set) {
  auto store = [set = std::move(set), names](const config_value& value) -> result<void> {
    const auto* word = std::get_if<std::string>(&value);
    if (word == nullptr)
      return fail(errc::invalid_argument, "must be a string, not {}", kind_name(value));
    const auto found = std::find(names.begin(), names.end(), *word);
    if (found == names.end())
      return fail(errc::invalid_argument, "must be one of {}, not '{}'", fmt::join(names, ", "),
                  word->substr(0, 64));
    set(static_cast<std::size_t>(found - names.begin()));
    return {};
  };
  return value(
      std::move(name), std::move(help),
      [get = std::move(get), names] { return config_value(names[get()]); }, std::move(store));
}

const config_key* config_schema::find(std::string_view table_name, std::string_view name) const {
  for (const config_key& key : keys_)
    if (key.table == table_name && key.name == name) return &key;
  return nullptr;
}

}  // namespace troupe
