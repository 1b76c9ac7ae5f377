#include "tests/support/paths.hpp"

#include <cstdlib>
#include <stdexcept>
#include <string>

namespace troupe::test {
namespace fs = std::filesystem;

fs::path data() {
  if (const char* set = std::getenv("TROUPE_TEST_DATA")) return set;
  return fs::path(__FILE__).parent_path().parent_path() / "data";
}

fs::path reference() { return data() / "reference"; }

fs::path smollm2() {
  if (const char* set = std::getenv("TROUPE_TEST_MODEL"); set != nullptr && fs::exists(set))
    return set;
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  const fs::path base =
      cache != nullptr ? fs::path(cache) : fs::path(home != nullptr ? home : "/") / ".cache";
  const fs::path model = base / "troupe" / "models" / "SmolLM2-135M-Instruct.Q4_1.gguf";
  return fs::exists(model) ? model : fs::path();
}

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
