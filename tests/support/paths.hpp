#pragma once

#include <filesystem>

namespace troupe::test {

/// tests/data in the source tree (TROUPE_TEST_DATA overrides).
[[nodiscard]] std::filesystem::path data();
/// tests/data/reference: checkpoints and vectors computed by Hugging Face transformers.
[[nodiscard]] std::filesystem::path reference();
/// The SmolLM2 GGUF file, or an empty path where it has not been fetched (tools/fetch-model.sh).
[[nodiscard]] std::filesystem::path smollm2();
/// Qwen's vocabulary in tiktoken's format, or an empty path where it has not been fetched
/// (tools/fetch-test-data.sh).
[[nodiscard]] std::filesystem::path qwen_vocabulary();

/// A fresh directory that is removed with this object.
class temporary_directory {
 public:
  temporary_directory();
  temporary_directory(const temporary_directory&) = delete;
  temporary_directory& operator=(const temporary_directory&) = delete;
  ~temporary_directory();
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace troupe::test
