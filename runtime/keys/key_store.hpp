#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/keys/api_key.hpp"
#include "runtime/keys/key_record.hpp"
#include "runtime/storage/sqlite.hpp"

namespace troupe {

/// What is asked for with a new key.
struct key_request {
  std::string name;  ///< no other key in force has it
  key_scope scope;
  key_limits limits;
  std::optional<std::int64_t> expires;
};

/// What a key has used since it was last said.
struct key_spending {
  std::int64_t id = 0;
  std::uint64_t tokens = 0;
  money_spent money = {};
};

/// The keys in a file, which several processes may use at once. Times are seconds since 1970 and
/// come from the caller. From one thread at a time; calls wait for the disk.
class key_store {
 public:
  enum class missing_file : std::uint8_t { refuse, create };
  /// Fails with not_found, corrupt, invalid_argument (another file) or unsupported (a newer one).
  [[nodiscard]] static result<key_store> open(const std::filesystem::path& path, missing_file how);

  /// The key itself is in the answer and nowhere else. Fails with already_exists where a key in
  /// force has the name, with invalid_argument where a name or a scope is none.
  [[nodiscard]] result<api_key> create(const key_request& wanted, std::int64_t now);
  /// In the order in which they were made, revoked ones too.
  [[nodiscard]] result<std::vector<key_record>> list();
  /// The key in force with that name; not_found where there is none.
  [[nodiscard]] result<key_record> find(std::string_view name);
  [[nodiscard]] result<void> revoke(std::string_view name, std::int64_t now);
  [[nodiscard]] result<void> set_limits(std::string_view name, const key_limits& limits);
  /// Adds to what keys have spent; money of a period that is over in the file no longer counts.
  [[nodiscard]] result<void> spend(std::span<const key_spending> more);
  /// Another number after someone else has changed the file.
  [[nodiscard]] result<std::int64_t> version() { return file_.version_of_others(); }

 private:
  explicit key_store(sqlite::database file) : file_(std::move(file)) {}
  [[nodiscard]] result<void> spend_money(const key_spending& more);
  /// not_found unless the last statement changed a row.
  [[nodiscard]] result<void> found(std::string_view name) const;

  sqlite::database file_;
};

}  // namespace troupe
