#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/storage/sqlite.hpp"

namespace troupe {

/// A client's file. Times are seconds since 1970.
struct file_row {
  std::string id;
  std::int64_t owner = 0;  ///< the key's id; 0: there are no keys
  std::int64_t created = 0;
  std::optional<std::int64_t> expires;
  std::string purpose;
  std::string name;  ///< as the client calls it
  std::uint64_t bytes = 0;
};

/// Which of an owner's things a list has, newest first.
struct list_window {
  std::string after;  ///< behind the one with this id; empty: from the first
  std::uint64_t limit = 20;
  bool oldest_first = false;
};

/// Adds a file whose bytes will be appended; nobody sees it before it is published.
[[nodiscard]] result<void> begin_file(sqlite::database& in, const file_row& row);
/// At most so many bytes at once.
inline constexpr std::size_t file_part_bytes = std::size_t{1} << 20U;
/// Appends the `part`-th part, from 0; all but the last have file_part_bytes.
[[nodiscard]] result<void> append_part(sqlite::database& in, const std::string& id,
                                       std::uint64_t part, std::string_view content);
/// The file is complete, and its owner's.
[[nodiscard]] result<void> publish_file(sqlite::database& in, const file_row& row);

/// Nothing where there is none, or another's, or one whose time is over.
[[nodiscard]] result<std::optional<file_row>> find_file(sqlite::database& in, const std::string& id,
                                                        std::int64_t owner, std::int64_t now);
/// One more than the window's limit where there are more; `purpose` empty: any.
[[nodiscard]] result<std::vector<file_row>> list_files(sqlite::database& in, std::int64_t owner,
                                                       std::int64_t now, const std::string& purpose,
                                                       const list_window& window);
/// Up to `bytes` bytes from `start` on; fewer at the end.
[[nodiscard]] result<std::string> read_file(sqlite::database& in, const std::string& id,
                                            std::uint64_t start, std::size_t bytes);
/// False where there was none.
[[nodiscard]] result<bool> erase_file(sqlite::database& in, const std::string& id,
                                      std::int64_t owner);
/// Of all of an owner's files.
[[nodiscard]] result<std::uint64_t> bytes_of_owner(sqlite::database& in, std::int64_t owner);
/// Those whose time is over go; with `incomplete` also those that were never published.
[[nodiscard]] result<void> drop_expired_files(sqlite::database& in, std::int64_t now,
                                              bool incomplete);

}  // namespace troupe
