#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "runtime/base/result.hpp"

namespace troupe {

/// A value as a configuration file or a command line gives it.
using config_value = std::variant<std::int64_t, bool, std::string>;

/// "an integer", "true or false" or "a string".
[[nodiscard]] std::string_view kind_name(const config_value& value);

/// One setting: what it is called, what it means, and the variable that it stands for. Reading and
/// writing go to that variable, so a key lives no longer than the object it was described on.
struct config_key {
  std::string table;    ///< "engine"
  std::string name;     ///< "kv_memory_mib"
  std::string help;     ///< one line for a person
  std::string option;   ///< "--kv-memory-mib"; empty where the command line has none
  std::string metavar;  ///< "MIB", what the option's help calls its value
  /// The variable's value now.
  std::function<config_value()> get;
  /// Checks the type and the range, then stores. The error says what is allowed, and not for which
  /// key: the caller knows where the value came from.
  std::function<result<void>(const config_value&)> set;

  /// Gives the key a command-line option.
  config_key& on_command_line(std::string option_name, std::string value_name);
  /// set() for a value that comes as text: converts to the type that get() has.
  [[nodiscard]] result<void> set_text(std::string_view text) const;
};

/// The settings of one program, table by table, in the order in which a person should read them.
class config_schema {
 public:
  struct table {
    std::string name;
    std::string help;
  };

  /// Tables that a file may repeat.
  struct repeated {
    std::string name;
    std::size_t most = 0;
    std::function<void(config_schema&)> describe;
  };

  /// Starts a table; the keys described next belong to it.
  void begin_table(std::string name, std::string help);

  /// An integer in [least, most]; the variable holds it times `scale` (MiB to bytes).
  template <std::unsigned_integral T>
  config_key& integer(const std::string& name, T& variable, std::int64_t least, std::int64_t most,
                      const std::string& help, std::int64_t scale = 1) {
    return add(
        name, help, [&variable, scale] { return static_cast<std::int64_t>(variable) / scale; },
        [&variable, scale](std::int64_t v) { variable = static_cast<T>(v * scale); }, least, most);
  }

  /// One of a few integers.
  template <std::unsigned_integral T>
  config_key& one_of(const std::string& name, T& variable, const std::vector<std::int64_t>& allowed,
                     const std::string& help) {
    return add_one_of(
        name, help, [&variable] { return std::int64_t{variable}; },
        [&variable](std::int64_t v) { variable = static_cast<T>(v); }, allowed);
  }

  /// Whole seconds in [least, most].
  config_key& seconds(std::string name, std::chrono::milliseconds& variable, std::int64_t least,
                      std::int64_t most, std::string help);
  config_key& boolean(std::string name, bool& variable, std::string help);
  /// Text of at most `most_bytes`, without control characters.
  config_key& text(std::string name, std::string& variable, std::size_t most_bytes,
                   std::string help);

  /// One of a few named values.
  template <class Value>
  config_key& choice(const std::string& name, Value& variable,
                     const std::vector<std::pair<std::string, Value>>& choices,
                     const std::string& help) {
    std::vector<std::string> names;
    names.reserve(choices.size());
    for (const auto& entry : choices) names.push_back(entry.first);
    auto get = [&variable, choices]() -> std::size_t {
      for (std::size_t i = 0; i < choices.size(); ++i)
        if (choices[i].second == variable) return i;
      return 0;
    };
    auto set = [&variable, choices](std::size_t i) { variable = choices[i].second; };
    return add_choice(name, help, names, get, set);
  }

  /// A setting of a type of its own; get and set as config_key has them.
  config_key& value(std::string name, std::string help, std::function<config_value()> get,
                    std::function<result<void>(const config_value&)> set);

  /// Tables [[name]], at most so many. For each that is read, `describe_next` describes the keys of
  /// a new one. Not on the command line and not written by write_toml.
  void list(std::string name, std::size_t most, std::function<void(config_schema&)> describe_next);

  [[nodiscard]] const std::vector<table>& tables() const { return tables_; }
  [[nodiscard]] const std::vector<repeated>& lists() const { return lists_; }
  [[nodiscard]] const std::vector<config_key>& keys() const { return keys_; }
  /// Null where there is no such key.
  [[nodiscard]] const config_key* find(std::string_view table_name, std::string_view name) const;

 private:
  config_key& add(std::string name, std::string help, std::function<std::int64_t()> get,
                  std::function<void(std::int64_t)> set, std::int64_t least, std::int64_t most);
  config_key& add_one_of(std::string name, std::string help, std::function<std::int64_t()> get,
                         std::function<void(std::int64_t)> set,
                         const std::vector<std::int64_t>& allowed);
  config_key& add_choice(std::string name, std::string help, const std::vector<std::string>& names,
                         std::function<std::size_t()> get, std::function<void(std::size_t)> set);

  std::vector<table> tables_;
  std::vector<repeated> lists_;
  std::vector<config_key> keys_;
};

}  // namespace troupe
