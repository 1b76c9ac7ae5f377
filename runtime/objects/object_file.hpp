#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <utility>

#include "runtime/base/result.hpp"
#include "runtime/storage/sqlite.hpp"

namespace troupe {

/// The file in which one server keeps what its clients come back for: responses, files, batches.
/// Any thread, but none that must not be held up: calls wait for the disk and for each other.
class object_file {
 public:
  /// Opens the file, or makes it, and keeps other servers out of it for as long as this object
  /// lives. Fails as sqlite::database::open, with invalid_argument where it is something else, and
  /// with already_exists where another server has it.
  [[nodiscard]] static result<std::unique_ptr<object_file>> open(const std::filesystem::path& path);

  object_file(const object_file&) = delete;
  object_file& operator=(const object_file&) = delete;
  ~object_file();

  /// Calls `use` with the database, alone.
  template <class Use>
  auto with(Use&& use) {
    const std::scoped_lock lock(mutex_);
    return std::forward<Use>(use)(database_);
  }

 private:
  object_file(sqlite::database database, int lock);

  std::mutex mutex_;
  sqlite::database database_;
  const int lock_;  ///< a descriptor, closed at the end
};

}  // namespace troupe
