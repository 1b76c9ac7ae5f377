#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/billing/usage_record.hpp"

namespace troupe {

/// Where answers' usage stands, one row an answer. From one thread at a time.
class usage_store {
 public:
  usage_store() = default;
  usage_store(const usage_store&) = delete;
  usage_store& operator=(const usage_store&) = delete;
  virtual ~usage_store() = default;

  /// Adds records, all in one transaction; returns once it is on the disk, with what became of
  /// each. One whose id is there already changes nothing, unless it tells of more output: an answer
  /// that was cut off for one client and went on for the next is one answer. `unavailable` is told
  /// of records that may be put again, as nothing is wrong with them but that the store is away.
  [[nodiscard]] virtual std::vector<result<void>> put(
      std::span<const usage_record* const> records) = 0;
};

/// The answers of a store, in the order of their ids' bytes. From one thread at a time.
class usage_reader {
 public:
  usage_reader() = default;
  usage_reader(const usage_reader&) = delete;
  usage_reader& operator=(const usage_reader&) = delete;
  virtual ~usage_reader() = default;

  /// Nothing after the last one.
  [[nodiscard]] virtual result<std::optional<usage_record>> next() = 0;
};

/// Seconds since 1970: from the first up to, but not including, the second.
struct time_span {
  std::int64_t since = std::numeric_limits<std::int64_t>::min();
  std::int64_t until = std::numeric_limits<std::int64_t>::max();
};

/// Opens a ledger, or makes it: a file of SQLite, or, where `place` is a postgresql:// address, a
/// table of that database. Fails as usage_table::open or usage_server::open.
[[nodiscard]] result<std::unique_ptr<usage_store>> open_usage_store(const std::string& place);

/// The records of a span of time, as they stand at one moment; others may be writing.
[[nodiscard]] result<std::unique_ptr<usage_reader>> open_usage_reader(const std::string& place,
                                                                      const time_span& span);

}  // namespace troupe
