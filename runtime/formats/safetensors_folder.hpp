#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include "runtime/base/mapped_file.hpp"
#include "runtime/base/result.hpp"
#include "runtime/formats/tensor_table.hpp"

namespace troupe {

/// The tensors of a folder's safetensors files, mapped for as long as this lives.
struct safetensors_folder {
  std::vector<mapped_file> files;
  tensor_table tensors;
};

/// Opens `model.safetensors`, or every file that `model.safetensors.index.json` names; those must
/// be plain names of files in the folder, and hold what the index says. Errors name the file.
[[nodiscard]] result<safetensors_folder> open_safetensors(const std::filesystem::path& folder);

/// The file names in an index ("weight_map"), each once. Fails with `corrupt` for a name that leads
/// out of the folder.
[[nodiscard]] result<std::vector<std::string>> shard_names(std::string_view index_json);

}  // namespace troupe
