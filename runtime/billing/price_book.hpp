#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "runtime/base/result.hpp"
#include "runtime/billing/price_table.hpp"

namespace troupe {

/// The prices of several models, from a file such as configs/prices-international.toml:
///
///     [prices]
///     currency = "USD"
///     [[tier]]
///     up_to_tokens = 32768
///     input = "1.20"          # of a million tokens
///     output = "6"
///
/// A tier without `model` is of every model that has no tiers of its own.
class price_book {
 public:
  /// Reads TOML; `file` is its name in errors, which are of one line.
  [[nodiscard]] static result<price_book> read(std::string_view text, std::string_view file);
  /// The same from a file of at most 1 MiB.
  [[nodiscard]] static result<price_book> read_file(const std::filesystem::path& path);

  /// Fails with not_found where the book has no price for the model.
  [[nodiscard]] result<price_table> table_for(std::string_view model) const;

 private:
  std::map<std::string, price_table, std::less<>> tables_;
};

}  // namespace troupe
