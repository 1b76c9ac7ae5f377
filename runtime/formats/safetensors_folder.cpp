#include "runtime/formats/safetensors_folder.hpp"

#include <set>
#include <system_error>
#include <utility>

#include "runtime/formats/json_reader.hpp"
#include "runtime/formats/safetensors_reader.hpp"

namespace troupe {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr std::string_view single_name = "model.safetensors";
constexpr std::string_view index_name = "model.safetensors.index.json";
constexpr std::size_t most_shards = 10'000;

bool is_plain_name(std::string_view name) {
  return name.ends_with(".safetensors") && name.size() <= 255 &&
         name.find_first_of(std::string_view("/\\\0", 3)) == std::string_view::npos;
}

/// The index's map from tensor to file.
result<const json::object*> weight_map(const json::value& index) {
  const json::object* const outer = index.if_object();
  const json::value* const map = outer == nullptr ? nullptr : outer->if_contains("weight_map");
  if (map == nullptr || !map->is_object())
    return fail(errc::corrupt, "{}: no 'weight_map'", index_name);
  return &map->get_object();
}

result<std::vector<std::string>> files_of(const json::object& map) {
  std::set<std::string> names;
  for (const auto& [tensor, file] : map) {
    const json::string* const name = file.if_string();
    if (name == nullptr || !is_plain_name({name->data(), name->size()}))
      return fail(errc::corrupt,
                  "{}: '{}' is not in a file of this folder that ends with .safetensors",
                  index_name, std::string_view(tensor.data(), tensor.size()));
    names.emplace(name->data(), name->size());
    if (names.size() > most_shards)
      return fail(errc::corrupt, "{}: more than {} files", index_name, most_shards);
  }
  if (names.empty()) return fail(errc::corrupt, "{}: no tensors", index_name);
  return std::vector<std::string>(names.begin(), names.end());
}

result<void> open_shard(const fs::path& folder, const std::string& name, safetensors_folder& out) {
  std::error_code ignored;
  if (!fs::exists(folder / name, ignored)) return fail(errc::not_found, "{} is missing", name);
  auto file = mapped_file::open(folder / name);
  if (!file) return fail(std::move(file.error()));
  auto tensors = parse_safetensors(file->bytes());
  if (!tensors) return fail(tensors.error().within(name));
  for (stored_tensor& tensor : *tensors) {
    if (auto added = out.tensors.add(std::move(tensor)); !added)
      return fail(added.error().within(name));
  }
  out.files.push_back(std::move(*file));
  return {};
}

result<safetensors_folder> open_indexed(const fs::path& folder) {
  const auto index = read_json_file(folder / index_name, largest_tokenizer_json);
  if (!index) return fail(index.error());
  const auto map = weight_map(*index);
  if (!map) return fail(map.error());
  const auto names = files_of(**map);
  if (!names) return fail(names.error());
  safetensors_folder out;
  for (const std::string& name : *names) {
    if (auto opened = open_shard(folder, name, out); !opened)
      return fail(std::move(opened.error()));
  }
  for (const auto& [tensor, file] : **map) {
    if (out.tensors.find({tensor.data(), tensor.size()}) == nullptr)
      return fail(errc::corrupt, "tensor '{}' is not in {}, where {} says it is",
                  std::string_view(tensor.data(), tensor.size()), file.get_string().c_str(),
                  index_name);
  }
  return out;
}

}  // namespace

result<std::vector<std::string>> shard_names(std::string_view index_json) {
  const auto index = parse_json(index_json);
  if (!index) return fail(index.error().within(index_name));
  const auto map = weight_map(*index);
  if (!map) return fail(map.error());
  return files_of(**map);
}

result<safetensors_folder> open_safetensors(const fs::path& folder) {
  std::error_code ignored;
  if (fs::exists(folder / single_name, ignored)) {
    safetensors_folder out;
    if (auto opened = open_shard(folder, std::string(single_name), out); !opened)
      return fail(std::move(opened.error()));
    return out;
  }
  if (fs::exists(folder / index_name, ignored)) return open_indexed(folder);
  return fail(errc::not_found, "neither {} nor {} is there", single_name, index_name);
}

}  // namespace troupe
