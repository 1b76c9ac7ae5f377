#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "runtime/storage/sqlite.hpp"

namespace troupe::sqlite {

/// What a program keeps in a file.
struct schema {
  std::uint32_t application = 0;  ///< tells its files from others' (at most 2^31 - 1, not 0)
  std::string_view what;          ///< "a file of keys", for errors
  /// SQL that leads from each version to the next, from an empty file on. Only ever added to.
  std::span<const std::string_view> steps;
};

/// Brings the file to the newest version, all at once or not at all. Fails with invalid_argument
/// where it holds something else, with unsupported where a newer program has written it.
[[nodiscard]] result<void> apply(database& to, const schema& wanted);

}  // namespace troupe::sqlite
