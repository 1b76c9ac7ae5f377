#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "runtime/base/mapped_file.hpp"
#include "runtime/model/block_source.hpp"

namespace troupe {

/// A model's files as they lie on this machine's disk, for others to get blocks of: a GGUF file, or
/// what a Hugging Face folder has of .json, .jinja and .safetensors files.
class model_bundle final : public block_source {
 public:
  /// Maps the files; what they mean is not looked at, but for where their tensors lie. Fails as
  /// mapped_file::open(), block_map::make() and the formats' readers do.
  [[nodiscard]] static result<std::unique_ptr<model_bundle>> open(
      const std::filesystem::path& path, std::uint64_t block_bytes = block_map::usual_bytes);

  [[nodiscard]] const block_map& map() const override { return map_; }
  [[nodiscard]] bool has(std::uint32_t) const override { return true; }
  [[nodiscard]] result<void> read(std::uint32_t block, std::span<std::byte> into) const override;

  /// Whether model_files::open() takes the folder rather than its only file.
  [[nodiscard]] bool is_folder() const { return folder_; }
  /// Flags of the blocks that model_files::open() reads: all but those that hold nothing else than
  /// matrices that are left in the file.
  [[nodiscard]] const std::vector<bool>& opening() const { return opening_; }

 private:
  model_bundle() = default;
  [[nodiscard]] result<void> find_opening();

  bool folder_ = false;
  block_map map_;
  std::vector<mapped_file> files_;
  std::vector<bool> opening_;
};

/// A bundle that is opened when somebody first wants it. Any thread.
class lazy_bundle {
 public:
  explicit lazy_bundle(std::filesystem::path path) : path_(std::move(path)) {}
  /// Fails as model_bundle::open() does, and tries again with the next call.
  [[nodiscard]] result<std::shared_ptr<const model_bundle>> get();

 private:
  std::filesystem::path path_;
  std::mutex mutex_;
  std::shared_ptr<const model_bundle> opened_;
};

}  // namespace troupe
