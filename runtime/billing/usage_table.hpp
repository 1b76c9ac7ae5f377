#pragma once

#include <filesystem>
#include <memory>

#include "runtime/billing/usage_store.hpp"
#include "runtime/storage/sqlite.hpp"

namespace troupe {

/// The table of answers in a ledger's file, one row an answer. From one thread at a time.
class usage_table {
 public:
  /// Opens the file, or makes it. Fails as sqlite::database::open, and with invalid_argument where
  /// it is something else.
  [[nodiscard]] static result<usage_table> open(const std::filesystem::path& path);

  /// Adds a record, as usage_store::put does.
  [[nodiscard]] result<void> put(const usage_record& record);

  [[nodiscard]] sqlite::database& file() { return file_; }

 private:
  usage_table(sqlite::database file, sqlite::statement insert)
      : file_(std::move(file)), insert_(std::move(insert)) {}
  sqlite::database file_;
  sqlite::statement insert_;
};

/// The records of a span of time in a ledger's file, which may be in use. Fails with not_found
/// where there is no file.
[[nodiscard]] result<std::unique_ptr<usage_reader>> read_usage_table(
    const std::filesystem::path& path, const time_span& span);

}  // namespace troupe
