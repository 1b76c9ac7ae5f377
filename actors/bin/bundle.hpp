#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::cli {

/// A file of a bundle.
struct bundle_file {
  std::string name;  ///< at most 99 characters
  std::string content;
};

/// The text without what must not leave a machine: keys of clients, bearer tokens, private keys in
/// PEM, the values of settings and variables whose names speak of keys, tokens, passwords or
/// headers, and who logs in at a URL. Paths of files and numbers stay. What is cut out is replaced
/// by "[removed]".
[[nodiscard]] std::string without_secrets(std::string_view text);

/// The files as a tar archive (ustar) below the folder `name`.
[[nodiscard]] std::string tar_of(const std::vector<bundle_file>& files, const std::string& name,
                                 std::chrono::system_clock::time_point now);

}  // namespace troupe::cli
