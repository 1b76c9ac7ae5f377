#include "runtime/device/thread_usage.hpp"

#include <filesystem>
#include <fstream>
#include <limits>
#include <string>

namespace troupe {

thread_usage usage_of_threads(std::string_view prefix) {
  namespace fs = std::filesystem;
  thread_usage all;
  std::uint64_t nanoseconds = 0;
  std::error_code failed;
  for (const auto& thread : fs::directory_iterator("/proc/self/task", failed)) {
    std::string name;
    std::getline(std::ifstream(thread.path() / "comm") >> std::ws, name);
    if (!name.starts_with(prefix)) continue;
    std::uint64_t used = 0;
    if (std::ifstream(thread.path() / "schedstat") >> used) nanoseconds += used;
    std::ifstream status(thread.path() / "status");
    for (std::string key; status >> key;) {
      std::uint64_t count = 0;
      if (key == "voluntary_ctxt_switches:" && status >> count) all.yields += count;
      if (key == "nonvoluntary_ctxt_switches:" && status >> count) all.preempts += count;
      status.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
    }
  }
  all.seconds = static_cast<double>(nanoseconds) * 1e-9;
  return all;
}

}  // namespace troupe
