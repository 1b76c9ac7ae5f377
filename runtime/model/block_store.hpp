#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/model/block_source.hpp"

namespace troupe {

/// A model's files of which only some blocks are here, in a folder of this process's own: files of
/// the full size with holes where nothing has come yet, which model_files::open() opens and maps
/// as it does whole ones. Which blocks are here is written down behind the blocks themselves, so
/// that a process that dies leaves nothing that is taken for more than it is. Any thread.
class block_store final : public block_source {
 public:
  /// Opens what `folder` has of the model named `identity`, or begins: under a temporary name,
  /// which becomes the right one when every file is there. Of several processes that open the same,
  /// each gets files of its own. io_error, with the system's reason; exhausted: too many have it
  /// open.
  [[nodiscard]] static result<std::unique_ptr<block_store>> open(
      const std::filesystem::path& folder, const std::string& identity, const block_map& map);
  ~block_store() override;

  [[nodiscard]] const block_map& map() const override { return map_; }
  [[nodiscard]] bool has(std::uint32_t block) const override;
  [[nodiscard]] result<void> read(std::uint32_t block, std::span<std::byte> into) const override;

  /// What model_files::open() takes: the folder, or its only file.
  [[nodiscard]] std::filesystem::path model(bool folder) const;
  /// Writes a block, which counts as being here once keep() has returned. io_error: the system's
  /// reason; exhausted: the disk is full. Then nothing of the block is left.
  [[nodiscard]] result<void> write(std::uint32_t block, std::span<const std::byte> bytes);
  /// Everything written so far is on the disk, and stays here. Fails as write() does.
  [[nodiscard]] result<void> keep();
  /// Gives the disk back what was written since the last keep(), and all of it where nothing was
  /// kept: the files are gone then.
  void discard();

 private:
  block_store(std::filesystem::path folder, block_map map);
  [[nodiscard]] result<bool> claim();
  [[nodiscard]] result<void> open_files();
  void read_index();
  [[nodiscard]] result<void> write_index(const std::vector<bool>& kept) const;
  void give_back(const block_map::place& at) const;

  std::filesystem::path folder_;
  block_map map_;
  int lock_ = -1;
  std::vector<int> files_;
  mutable std::mutex mutex_;
  std::vector<bool> here_;
  std::vector<std::uint32_t> fresh_;  ///< written and not kept
};

}  // namespace troupe
