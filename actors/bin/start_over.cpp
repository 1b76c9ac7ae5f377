#include "actors/bin/start_over.hpp"

#include <fmt/format.h>
#include <linux/close_range.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <system_error>

namespace troupe::cli {

error start_over(std::vector<std::string> command_line) {
  std::vector<char*> arguments;
  arguments.reserve(command_line.size() + 1);
  for (std::string& word : command_line) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  (void)::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
  ::execv("/proc/self/exe", arguments.data());
  return {errc::io_error,
          fmt::format("cannot start over: {}", std::generic_category().message(errno))};
}

result<std::vector<std::string>> own_command_line() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::vector<std::string> words;
  for (std::string word; std::getline(file, word, '\0');) words.push_back(word);
  if (words.empty()) return fail(errc::io_error, "/proc/self/cmdline cannot be read");
  return words;
}

}  // namespace troupe::cli
