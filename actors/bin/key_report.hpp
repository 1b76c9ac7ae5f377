#pragma once

#include <boost/json/array.hpp>
#include <cstdint>
#include <span>
#include <string>

#include "runtime/keys/key_record.hpp"

namespace troupe::cli {

/// The keys as a table with a heading; `now` in seconds since 1970.
[[nodiscard]] std::string to_text(std::span<const key_record> keys, std::int64_t now);
/// The same with every field but the hash.
[[nodiscard]] boost::json::array to_json(std::span<const key_record> keys, std::int64_t now);

}  // namespace troupe::cli
