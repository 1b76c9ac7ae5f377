#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>

#include "runtime/base/result.hpp"
#include "runtime/cache/block_key.hpp"

namespace troupe {

/// Pages in files, by what they hold: a file a page, which outlives the process. The least recently
/// used give way.
///
/// Files are hostile until checked: a header says what the file is of, and a SHA-256 covers header
/// and contents, so that one that is torn, damaged, or of another model, kernel or layout is
/// removed and never used. A page appears under its name only once it is whole. Several processes
/// may share a folder, each within its own bound. One thread at a time, but for has(), which never
/// waits for a file.
class disk_tier {
 public:
  struct settings {
    std::filesystem::path folder;  ///< made where there is none, for its owner alone
    std::string identity;          ///< all that the contents' meaning depends on
    std::size_t page_bytes = 0;    ///< of every page
    std::uint64_t most_bytes = 0;  ///< of all files
  };

  /// Finds what earlier processes have left. Fails with io_error where the folder cannot be used.
  [[nodiscard]] static result<disk_tier> open(const settings& s);

  [[nodiscard]] bool has(const block_key& key) const {
    const std::lock_guard lock(*mutex_);
    return by_key_.contains(key);
  }
  /// Fails with io_error where it cannot be written; nothing is left of it then.
  [[nodiscard]] result<void> put(const block_key& key, std::span<const std::byte> contents);
  /// Fills `to`, which has page_bytes. False: it is not there, or was not to be trusted and is
  /// gone.
  [[nodiscard]] bool get(const block_key& key, std::span<std::byte> to);

  [[nodiscard]] std::size_t pages() const { return by_key_.size(); }
  [[nodiscard]] std::uint64_t rejected() const { return rejected_; }  ///< files not trusted
  /// Where a page's file is, or would be.
  [[nodiscard]] std::filesystem::path file_of(const block_key& key) const;

 private:
  explicit disk_tier(const settings& s) : settings_(s) {}
  void find_files();
  void add(const block_key& key);
  void remove(const block_key& key);
  void remove_file(const block_key& key) const;
  [[nodiscard]] std::uint64_t file_bytes() const;

  settings settings_;
  std::string folder_name_;  ///< of the identity, below the folder
  std::unique_ptr<std::mutex> mutex_ = std::make_unique<std::mutex>();  ///< of the next two
  std::list<block_key> lru_;  ///< front: least recently used
  std::unordered_map<block_key, std::list<block_key>::iterator, block_key_hash> by_key_;
  std::uint64_t rejected_ = 0;
};

}  // namespace troupe
