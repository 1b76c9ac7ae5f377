#include "runtime/model/block_map.hpp"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

namespace troupe {
namespace {

constexpr std::size_t most_files = 16'384;
constexpr std::size_t longest_name = 255;

/// Of a file in a folder, and nothing that the folder keeps for itself.
bool is_plain(std::string_view name) {
  return !name.empty() && name.size() <= longest_name && name.front() != '.' &&
         name.find_first_of(std::string_view("/\\\0", 3)) == std::string_view::npos;
}

std::uint64_t blocks_of(std::uint64_t bytes, std::uint64_t block) {
  return bytes / block + (bytes % block == 0 ? 0 : 1);
}

}  // namespace

result<block_map> block_map::make(std::vector<model_file> files, std::uint64_t block_bytes) {
  if (files.empty() || files.size() > most_files)
    return fail(errc::invalid_argument, "a model of {} files", files.size());
  block_map map;
  map.block_bytes_ = block_bytes;
  std::set<std::string_view> names;
  std::uint64_t blocks = 0;
  for (const model_file& file : files) {
    if (!is_plain(file.name) || !names.insert(file.name).second)
      return fail(errc::invalid_argument, "a model's file cannot be named so, or is named twice");
    if (file.bytes == 0) return fail(errc::invalid_argument, "{}: the file is empty", file.name);
    map.first_.push_back(static_cast<std::uint32_t>(blocks));
    blocks += blocks_of(file.bytes, block_bytes);
    if (blocks > std::numeric_limits<std::uint32_t>::max())
      return fail(errc::invalid_argument, "a model of more than {} blocks",
                  std::numeric_limits<std::uint32_t>::max());
  }
  map.blocks_ = static_cast<std::uint32_t>(blocks);
  map.files_ = std::move(files);
  return map;
}

block_map::place block_map::at(std::uint32_t block) const {
  const auto behind = std::upper_bound(first_.begin(), first_.end(), block);
  place p;
  p.file = static_cast<std::size_t>(behind - first_.begin()) - 1;
  p.offset = (block - first_[p.file]) * block_bytes_;
  p.bytes = static_cast<std::size_t>(std::min(block_bytes_, files_[p.file].bytes - p.offset));
  return p;
}

std::optional<std::size_t> block_map::find(std::string_view name) const {
  for (std::size_t i = 0; i < files_.size(); ++i)
    if (files_[i].name == name) return i;
  return std::nullopt;
}

void block_map::mark(std::size_t file, std::uint64_t offset, std::uint64_t bytes,
                     std::vector<bool>& flags) const {
  const std::uint64_t size = files_[file].bytes;
  if (bytes == 0 || offset >= size) return;
  const std::uint64_t last = offset + std::min(bytes, size - offset) - 1;
  for (std::uint64_t b = offset / block_bytes_; b <= last / block_bytes_; ++b)
    flags[first_[file] + static_cast<std::size_t>(b)] = true;
}

}  // namespace troupe
