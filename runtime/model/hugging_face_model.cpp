#include <algorithm>
#include <utility>

#include "runtime/formats/json_reader.hpp"
#include "runtime/formats/safetensors_folder.hpp"
#include "runtime/formats/tokenizer_json.hpp"
#include "runtime/model/config_check.hpp"
#include "runtime/model/hugging_face_config.hpp"
#include "runtime/model/model_parts.hpp"

namespace troupe {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr std::size_t largest_template = std::size_t{4} << 20U;

/// A JSON file that need not be there: an empty object where it is not.
result<json::value> read_optional(const fs::path& path) {
  auto value = read_json_file(path, largest_config_json);
  if (!value && value.error().code() == errc::not_found) return json::value(json::object());
  return value;
}

/// chat_template.jinja, or else what tokenizer_config.json has.
result<std::string> read_template(const fs::path& folder, const json::object& tokenizer_config) {
  const fs::path path = folder / "chat_template.jinja";
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return read_chat_template(tokenizer_config);
  const auto file = mapped_file::open(path);
  if (!file) return fail(file.error());
  if (file->bytes().size() > largest_template)
    return fail(errc::out_of_range, "chat_template.jinja has {} bytes, more than {}",
                file->bytes().size(), largest_template);
  return std::string(reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size());
}

result<void> read_tokenizer(const fs::path& folder, model_parts& parts) {
  const auto file = read_json_file(folder / "tokenizer.json", largest_tokenizer_json);
  if (!file) return fail(file.error());
  auto spec = read_tokenizer_json(*file);
  if (!spec) return fail(std::move(spec.error()));
  parts.tokenizer = std::move(*spec);
  const auto config = read_optional(folder / "tokenizer_config.json");
  if (!config) return fail(config.error());
  if (auto ok = apply_tokenizer_config(config->get_object(), parts.tokenizer); !ok) return ok;
  auto text = read_template(folder, config->get_object());
  if (!text) return fail(std::move(text.error()));
  parts.chat_template = std::move(*text);
  return {};
}

/// generation_config.json: sampling defaults and more tokens that end a text. A chat model's turns
/// also end with its tokenizer's EOS.
result<void> read_generation(const fs::path& folder, model_parts& parts) {
  const auto file = read_optional(folder / "generation_config.json");
  if (!file) return fail(file.error());
  const auto defaults = read_generation_defaults(file->get_object());
  if (!defaults) return fail(defaults.error());
  parts.defaults = *defaults;
  auto more = read_eos_ids(file->get_object(), "generation_config.json");
  if (!more) return fail(std::move(more.error()));
  if (!parts.chat_template.empty() && parts.tokenizer.eos) more->push_back(*parts.tokenizer.eos);
  std::vector<token_id>& eos = parts.config.eos;
  for (const token_id id : *more) {
    if (std::ranges::find(eos, id) == eos.end()) eos.push_back(id);
  }
  return check(parts.config);
}

}  // namespace

result<model_parts> read_hugging_face_model(const fs::path& folder) {
  const auto file = read_json_file(folder / "config.json", largest_config_json);
  if (!file) return fail(file.error());
  auto config = read_hugging_face_config(file->get_object());
  if (!config) return fail(std::move(config.error()));
  model_parts parts;
  parts.config = std::move(config->config);
  auto stored = open_safetensors(folder);
  if (!stored) return fail(std::move(stored.error()));
  parts.files = std::move(stored->files);
  parts.tensors = std::move(stored->tensors);
  parts.format =
      fmt::format("safetensors, {} file{}", parts.files.size(), parts.files.size() == 1 ? "" : "s");
  if (auto ok = read_tokenizer(folder, parts); !ok) return fail(std::move(ok.error()));
  if (auto ok = read_generation(folder, parts); !ok) return fail(std::move(ok.error()));
  if (auto ok = complete(parts, hugging_face_naming(), config->biases); !ok)
    return fail(std::move(ok.error()));
  return parts;
}

}  // namespace troupe
