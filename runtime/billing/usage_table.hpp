#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <vector>

#include "runtime/billing/usage_record.hpp"
#include "runtime/storage/sqlite.hpp"

namespace troupe {

/// The table of answers in a ledger's file, one row an answer. From one thread at a time.
class usage_table {
 public:
  /// Opens the file, or makes it. Fails as sqlite::database::open, and with invalid_argument where
  /// it is something else.
  [[nodiscard]] static result<usage_table> open(const std::filesystem::path& path);

  /// Adds a record. One whose id is there already changes nothing, unless it tells of more output:
  /// an answer that was cut off for one client and went on for the next is one answer.
  [[nodiscard]] result<void> put(const usage_record& record);

  [[nodiscard]] sqlite::database& file() { return file_; }

 private:
  usage_table(sqlite::database file, sqlite::statement insert)
      : file_(std::move(file)), insert_(std::move(insert)) {}
  sqlite::database file_;
  sqlite::statement insert_;
};

/// Seconds since 1970: from the first up to, but not including, the second.
struct time_span {
  std::int64_t since = std::numeric_limits<std::int64_t>::min();
  std::int64_t until = std::numeric_limits<std::int64_t>::max();
};

/// Calls `each` with the records of a span of time, as they stand at one moment; the files may be
/// in use. What several files have (an answer that a client took from one gateway to another) comes
/// once, the fuller one. At most 11 files. The first error of `each` ends it.
[[nodiscard]] result<void> read_usage(const std::vector<std::filesystem::path>& paths,
                                      const time_span& span,
                                      const std::function<result<void>(const usage_record&)>& each);

}  // namespace troupe
