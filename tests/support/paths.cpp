#include "tests/support/paths.hpp"

#include <cstdlib>
#include <stdexcept>
#include <string>

namespace troupe::test {
namespace fs = std::filesystem;
namespace {

/// A file in the folder that the tools fetch into; empty if it is not there.
fs::path fetched(const fs::path& file) {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  const fs::path base =
      cache != nullptr ? fs::path(cache) : fs::path(home != nullptr ? home : "/") / ".cache";
  const fs::path path = base / "troupe" / file;
  return fs::exists(path) ? path : fs::path();
}

}  // namespace

fs::path data() {
  if (const char* set = std::getenv("TROUPE_TEST_DATA")) return set;
  return fs::path(__FILE__).parent_path().parent_path() / "data";
}

fs::path reference() { return data() / "reference"; }

fs::path smollm2() {
  if (const char* set = std::getenv("TROUPE_TEST_MODEL"); set != nullptr && fs::exists(set))
    return set;
  return fetched("models/SmolLM2-135M-Instruct.Q4_1.gguf");
}

fs::path qwen_vocabulary() { return fetched("vocab/qwen.tiktoken"); }

temporary_directory::temporary_directory() {
  std::string pattern = (fs::temp_directory_path() / "troupe-test-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr)
    throw std::runtime_error("cannot make a temporary directory");
  path_ = pattern;
}

temporary_directory::~temporary_directory() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

}  // namespace troupe::test
