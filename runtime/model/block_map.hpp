#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.hpp"

namespace troupe {

/// One file of a model: its name within the model's folder, and its size.
struct model_file {
  std::string name;
  std::uint64_t bytes = 0;
  friend bool operator==(const model_file&, const model_file&) = default;
};

/// The files of a model cut into blocks that are numbered through: what processes get from each
/// other, each with a digest of its own. A file's last block is as long as the file has bytes left.
class block_map {
 public:
  /// Of a block, wherever processes talk about blocks.
  static constexpr std::uint64_t usual_bytes = std::uint64_t{1} << 20U;

  /// Where a block lies.
  struct place {
    std::size_t file = 0;
    std::uint64_t offset = 0;
    std::size_t bytes = 0;
    friend bool operator==(const place&, const place&) = default;
  };

  block_map() = default;
  /// invalid_argument: no files, too many, one that is empty or named twice, a name that leads out
  /// of a folder, or more bytes than 32 bits of blocks have.
  [[nodiscard]] static result<block_map> make(std::vector<model_file> files,
                                              std::uint64_t block_bytes = usual_bytes);

  [[nodiscard]] const std::vector<model_file>& files() const { return files_; }
  [[nodiscard]] std::uint32_t blocks() const { return blocks_; }
  /// `block` is less than blocks().
  [[nodiscard]] place at(std::uint32_t block) const;
  [[nodiscard]] std::optional<std::size_t> find(std::string_view name) const;
  /// Sets the flags, one for each block, of those that hold any of these bytes of a file; what lies
  /// past its end is ignored.
  void mark(std::size_t file, std::uint64_t offset, std::uint64_t bytes,
            std::vector<bool>& flags) const;

 private:
  std::vector<model_file> files_;
  std::vector<std::uint32_t> first_;  ///< by file: its first block
  std::uint32_t blocks_ = 0;
  std::uint64_t block_bytes_ = usual_bytes;
};

}  // namespace troupe
