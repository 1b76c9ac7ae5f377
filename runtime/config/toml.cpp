#include "runtime/config/toml.hpp"

#include <toml++/toml.h>
#include <algorithm>
#include <fstream>
#include <sstream>
#include <vector>

#include "runtime/config/nearest.hpp"

namespace troupe {
namespace {

constexpr std::uintmax_t most_file_bytes = 1U << 20U;

std::string place(std::string_view file, const toml::source_region& at) {
  return fmt::format("{}:{}", file, at.begin.line);
}

/// "; did you mean 'x'?", or what there is to choose from.
std::string suggestion(std::string_view word, const std::vector<std::string_view>& known) {
  const std::string_view like = nearest(word, known);
  if (!like.empty()) return fmt::format("; did you mean '{}'?", like);
  return fmt::format("; known: {}", fmt::join(known, ", "));
}

/// What a person reads, in one line, of text that may hold anything and be of any length.
std::string shorten(std::string_view text) {
  std::string out(text.substr(0, 200));
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 0x20) c = '?';
  return out;
}

result<config_value> scalar(const toml::node& node) {
  if (const auto* value = node.as_integer()) return config_value(value->get());
  if (const auto* value = node.as_boolean()) return config_value(value->get());
  if (const auto* value = node.as_string()) return config_value(value->get());
  std::ostringstream type;
  type << node.type();
  return fail(errc::invalid_argument, "a value of type {} is not allowed here", type.str());
}

std::vector<std::string_view> table_names(const config_schema& schema) {
  std::vector<std::string_view> names;
  for (const auto& table : schema.tables()) names.emplace_back(table.name);
  for (const auto& list : schema.lists()) names.emplace_back(list.name);
  return names;
}

std::vector<std::string_view> key_names(const config_schema& schema, std::string_view table) {
  std::vector<std::string_view> names;
  for (const config_key& key : schema.keys())
    if (key.table == table) names.emplace_back(key.name);
  return names;
}

result<void> read_key(const config_schema& schema, std::string_view table, const toml::key& name,
                      const toml::node& node, std::string_view file) {
  const config_key* key = schema.find(table, name.str());
  if (key == nullptr)
    return fail(errc::not_found, "{}: unknown key '{}' in [{}]{}", place(file, name.source()),
                shorten(name.str()), table, suggestion(name.str(), key_names(schema, table)));
  const auto value = scalar(node);
  const auto stored = value ? key->set(*value) : result<void>(fail(value.error()));
  if (!stored)
    return fail(stored.error().within(
        fmt::format("{}: {}.{}", place(file, name.source()), table, key->name)));
  return {};
}

result<void> read_list(const config_schema::repeated& list, const toml::key& name,
                       const toml::node& node, std::string_view file) {
  const toml::array* items = node.as_array();
  if (items == nullptr || !items->is_homogeneous(toml::node_type::table))
    return fail(errc::invalid_argument, "{}: write [[{}]] on a line of its own for each",
                place(file, name.source()), list.name);
  if (items->size() > list.most)
    return fail(errc::out_of_range, "{}: [[{}]]: at most {}, not {}", place(file, name.source()),
                list.name, list.most, items->size());
  for (const toml::node& item : *items) {
    config_schema keys;
    keys.begin_table(list.name, {});
    list.describe(keys);
    for (auto&& [key, value] : *item.as_table()) {
      auto done = read_key(keys, list.name, key, value, file);
      if (!done) return done;
    }
  }
  return {};
}

result<void> read_table(const config_schema& schema, const toml::key& name, const toml::node& node,
                        std::string_view file) {
  for (const auto& list : schema.lists())
    if (list.name == name.str()) return read_list(list, name, node, file);
  const auto tables = table_names(schema);
  const bool known = std::find(tables.begin(), tables.end(), name.str()) != tables.end();
  const toml::table* content = node.as_table();
  if (content == nullptr) {
    if (known)
      return fail(errc::invalid_argument, "{}: '{}' is a table: write [{}] on a line of its own",
                  place(file, name.source()), name.str(), name.str());
    // A key that stands before any table: say where it belongs, if it belongs anywhere.
    for (const config_key& key : schema.keys())
      if (key.name == name.str())
        return fail(errc::not_found, "{}: key '{}' belongs in [{}]", place(file, name.source()),
                    key.name, key.table);
    return fail(errc::not_found, "{}: unknown key '{}' outside a table", place(file, name.source()),
                shorten(name.str()));
  }
  if (!known)
    return fail(errc::not_found, "{}: unknown table [{}]{}", place(file, name.source()),
                shorten(name.str()), suggestion(name.str(), tables));
  for (auto&& [key, value] : *content) {
    auto done = read_key(schema, name.str(), key, value, file);
    if (!done) return done;
  }
  return {};
}

std::string toml_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string toml_text(const config_value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return toml_string(*text);
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  return std::to_string(std::get<std::int64_t>(value));
}

}  // namespace

result<void> read_toml(const config_schema& schema, std::string_view text, std::string_view file) {
  toml::table document;
  try {  // toml++ reports by exception: turned into a value here, at the edge
    document = toml::parse(text, file);
  } catch (const toml::parse_error& e) {
    return fail(errc::corrupt, "{}: {}", place(file, e.source()), shorten(e.description()));
  }
  for (auto&& [name, node] : document) {
    auto done = read_table(schema, name, node, file);
    if (!done) return done;
  }
  return {};
}

result<std::string> read_config_file(const std::filesystem::path& path) {
  std::error_code code;
  const auto size = std::filesystem::file_size(path, code);
  if (code) {
    const bool missing = code == std::errc::no_such_file_or_directory;
    return fail(missing ? errc::not_found : errc::io_error, "{}: {}", path.string(),
                code.message());
  }
  if (size > most_file_bytes)
    return fail(errc::out_of_range, "{}: {} bytes, more than a configuration file may have ({})",
                path.string(), size, most_file_bytes);
  std::ifstream in(path, std::ios::binary);
  std::string text(size, '\0');
  if (!in.read(text.data(), static_cast<std::streamsize>(size)))
    return fail(errc::io_error, "{}: cannot read it", path.string());
  return text;
}

result<void> read_toml_file(const config_schema& schema, const std::filesystem::path& path) {
  const auto text = read_config_file(path);
  if (!text) return fail(text.error());
  return read_toml(schema, *text, path.string());
}

std::string write_toml(const config_schema& schema) {
  std::string out;
  for (const auto& table : schema.tables()) {
    if (!out.empty()) out += '\n';
    out += fmt::format("# {}\n[{}]\n", table.help, table.name);
    for (const config_key& key : schema.keys()) {
      if (key.table != table.name) continue;
      out += fmt::format("# {}\n{} = {}\n", key.help, key.name, toml_text(key.get()));
    }
  }
  return out;
}

}  // namespace troupe
