#include "actors/engine/host_time.hpp"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

namespace troupe {

double actor_thread_seconds() {
  namespace fs = std::filesystem;
  std::uint64_t total = 0;
  std::error_code failed;
  for (const auto& thread : fs::directory_iterator("/proc/self/task", failed)) {
    std::string name;
    std::getline(std::ifstream(thread.path() / "comm") >> std::ws, name);
    if (!name.starts_with("caf.")) continue;
    std::uint64_t nanoseconds = 0;
    if (std::ifstream(thread.path() / "schedstat") >> nanoseconds) total += nanoseconds;
  }
  return static_cast<double>(total) * 1e-9;
}

}  // namespace troupe
