#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <utility>

#include "runtime/base/result.hpp"

namespace troupe {

/// A file mapped read-only into memory for as long as this object lives.
///
/// A file that another process truncates while it is mapped raises SIGBUS on access, as for every
/// mapping; model files are expected to be left alone while they are served.
class mapped_file {
 public:
  /// Fails with not_found, io_error (the system's reason) or invalid_argument (not a regular file).
  [[nodiscard]] static result<mapped_file> open(const std::filesystem::path& path);

  mapped_file(mapped_file&& other) noexcept;
  mapped_file& operator=(mapped_file&& other) noexcept;
  mapped_file(const mapped_file&) = delete;
  mapped_file& operator=(const mapped_file&) = delete;
  ~mapped_file();

  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }
  /// The file's name, without its folder.
  [[nodiscard]] const std::string& name() const { return name_; }

  /// Drops the whole pages within `part` from this process's memory; reading them brings them back.
  /// A part that is not of this file is ignored. Any thread.
  void let_go(std::span<const std::byte> part) const;

 private:
  mapped_file(std::span<const std::byte> bytes, std::string name)
      : bytes_(bytes), name_(std::move(name)) {}
  std::span<const std::byte> bytes_;
  std::string name_;
};

}  // namespace troupe
