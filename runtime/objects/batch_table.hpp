#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/objects/file_table.hpp"
#include "runtime/storage/sqlite.hpp"

namespace troupe {

/// A batch as it is kept. Times are seconds since 1970.
struct batch_row {
  std::string id;
  std::int64_t owner = 0;  ///< the key's id; 0: there are no keys
  std::string key;         ///< its name
  std::int64_t created = 0;
  std::int64_t expires = 0;  ///< what has not been answered by then is not
  std::string status;        ///< as OpenAI has it
  std::string endpoint;      ///< "/v1/chat/completions"
  std::string input;         ///< a file's id
  std::uint64_t total = 0;   ///< lines
  std::uint64_t completed = 0;
  std::uint64_t failed = 0;
  std::uint64_t input_tokens = 0;
  std::uint64_t output_tokens = 0;
  std::string object;  ///< JSON: what else is shown of it
};

/// Fails with exhausted where the owner has `most` batches that have not ended.
[[nodiscard]] result<void> add_batch(sqlite::database& in, const batch_row& row,
                                     std::uint64_t most);
/// Writes status, counts and object.
[[nodiscard]] result<void> update_batch(sqlite::database& in, const batch_row& row);
/// Nothing where there is none, or another's.
[[nodiscard]] result<std::optional<batch_row>> find_batch(sqlite::database& in,
                                                          const std::string& id,
                                                          std::int64_t owner);
/// One more than the window's limit where there are more.
[[nodiscard]] result<std::vector<batch_row>> list_batches(sqlite::database& in, std::int64_t owner,
                                                          const list_window& window);
/// All owners' batches that have not ended, oldest first.
[[nodiscard]] result<std::vector<batch_row>> open_batches(sqlite::database& in);
/// Changes the status where it is one of a batch that can still be cancelled; false where not.
[[nodiscard]] result<bool> begin_cancelling(sqlite::database& in, const std::string& id,
                                            std::int64_t owner, const std::string& object);
/// Batches that were made before `then` and have ended go.
[[nodiscard]] result<void> drop_old_batches(sqlite::database& in, std::int64_t then);

}  // namespace troupe
