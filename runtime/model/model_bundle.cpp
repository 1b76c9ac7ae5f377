#include "runtime/model/model_bundle.hpp"

#include <algorithm>
#include <cstring>
#include <deque>
#include <system_error>
#include <utility>

#include "runtime/formats/gguf_reader.hpp"
#include "runtime/formats/safetensors_reader.hpp"

namespace troupe {
namespace {

namespace fs = std::filesystem;

bool belongs_to_a_model(const fs::path& path) {
  const std::string kind = path.extension().string();
  if (path.filename().string().front() == '.') return false;
  return kind == ".json" || kind == ".jinja" || kind == ".safetensors";
}

result<std::vector<fs::path>> files_at(const fs::path& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return std::vector<fs::path>{path};
  std::vector<fs::path> files;
  for (auto entry = fs::directory_iterator(path, error);
       !error && entry != fs::directory_iterator(); entry.increment(error)) {
    std::error_code unknown;
    const bool taken = entry->is_regular_file(unknown) && entry->file_size(unknown) > 0 &&
                       belongs_to_a_model(entry->path());
    if (taken && !unknown) files.push_back(entry->path());
  }
  if (error) return fail(errc::io_error, "{}: {}", path.string(), error.message());
  std::sort(files.begin(), files.end());
  return files;
}

/// Ranges of a file, by offset and length.
using ranges = std::vector<std::pair<std::uint64_t, std::uint64_t>>;

/// Whether nothing of the tensor is read before a stage is loaded: vectors, scales and what is not
/// aligned are copied when a model is opened.
bool is_read_later(const stored_tensor& t, std::uint64_t offset) {
  return t.shape.size() > 1 && offset % sizeof(float) == 0 && !t.name.ends_with("_scale_inv");
}

template <class Tensors>
ranges matrices_in(const Tensors& tensors, std::span<const std::byte> bytes) {
  ranges found;
  for (const stored_tensor& t : tensors) {
    const auto offset = static_cast<std::uint64_t>(t.data.data() - bytes.data());
    if (is_read_later(t, offset)) found.emplace_back(offset, t.data.size());
  }
  std::sort(found.begin(), found.end());
  return found;
}

result<ranges> matrices_of(const std::string& name, std::span<const std::byte> bytes) {
  if (is_gguf(bytes)) {
    const auto file = parse_gguf(bytes);
    if (!file) return fail(file.error().within(name));
    return matrices_in(file->tensors.all(), bytes);
  }
  if (!name.ends_with(".safetensors")) return ranges{};
  const auto tensors = parse_safetensors(bytes);
  if (!tensors) return fail(tensors.error().within(name));
  return matrices_in(*tensors, bytes);
}

}  // namespace

result<std::unique_ptr<model_bundle>> model_bundle::open(const fs::path& path,
                                                         std::uint64_t block_bytes) {
  std::unique_ptr<model_bundle> bundle(new model_bundle);
  std::error_code error;
  bundle->folder_ = fs::is_directory(path, error);
  const auto paths = files_at(path);
  if (!paths) return fail(paths.error());
  std::vector<model_file> listed;
  for (const fs::path& each : *paths) {
    auto file = mapped_file::open(each);
    if (!file) return fail(std::move(file.error()));
    listed.push_back({each.filename().string(), file->bytes().size()});
    bundle->files_.push_back(std::move(*file));
  }
  auto map = block_map::make(std::move(listed), block_bytes);
  if (!map) return fail(map.error().within(path.string()));
  bundle->map_ = std::move(*map);
  if (auto found = bundle->find_opening(); !found) return fail(std::move(found.error()));
  return bundle;
}

result<std::shared_ptr<const model_bundle>> lazy_bundle::get() {
  const std::lock_guard lock(mutex_);
  if (opened_ == nullptr) {
    auto opened = model_bundle::open(path_);
    if (!opened) return fail(std::move(opened.error()));
    opened_ = std::move(*opened);
  }
  return opened_;
}

result<void> model_bundle::find_opening() {
  opening_.assign(map_.blocks(), false);
  for (std::size_t i = 0; i < files_.size(); ++i) {
    const auto matrices = matrices_of(map_.files()[i].name, files_[i].bytes());
    if (!matrices) return fail(matrices.error());
    std::uint64_t end = 0;  // of what has been looked at
    for (const auto& [offset, bytes] : *matrices) {
      if (offset > end) map_.mark(i, end, offset - end, opening_);
      end = std::max(end, offset + bytes);
    }
    if (end < map_.files()[i].bytes) map_.mark(i, end, map_.files()[i].bytes - end, opening_);
  }
  return {};
}

result<void> model_bundle::read(std::uint32_t block, std::span<std::byte> into) const {
  const block_map::place at = map_.at(block);
  std::memcpy(into.data(), files_[at.file].bytes().data() + at.offset, at.bytes);
  return {};
}

}  // namespace troupe
