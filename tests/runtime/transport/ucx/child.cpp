#include "tests/runtime/transport/ucx/child.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <vector>

#include "tests/runtime/transport/ucx/hex.hpp"

namespace troupe::test {

child::child(const test_peer& parent, peer_id id, std::uint64_t nonce,
             const std::string& transports, unsigned version) {
  std::array<int, 2> pipe{};
  REQUIRE(::pipe2(pipe.data(), O_CLOEXEC) == 0);
  output_ = pipe[0];
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipe[1], STDOUT_FILENO);
  std::vector<std::string> words = {TROUPE_PEER_PROCESS,           std::to_string(id),
                                    std::to_string(parent.self()), to_hex(parent.get().address()),
                                    std::to_string(nonce),         transports,
                                    std::to_string(version)};
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const int done =
      posix_spawn(&process_, words[0].c_str(), &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(pipe[1]);
  REQUIRE(done == 0);
  address_ = {id, from_hex(line()), nonce};
}

child::~child() {
  if (process_ > 0) {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }
  ::close(output_);
}

void child::signal(int number) const {
  REQUIRE(::kill(process_, number) == 0);
  // It goes on for a while otherwise.
  if (number == SIGSTOP) REQUIRE(::waitpid(process_, nullptr, WUNTRACED) == process_);
}

std::string child::line() {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (true) {
    if (const auto end = buffered_.find('\n'); end != std::string::npos) {
      std::string found = buffered_.substr(0, end);
      buffered_.erase(0, end + 1);
      return found;
    }
    pollfd watched{output_, POLLIN, 0};
    if (std::chrono::steady_clock::now() > until || ::poll(&watched, 1, 1000) < 0) return {};
    if (watched.revents == 0) continue;
    std::array<char, 512> chunk{};
    const ssize_t got = ::read(output_, chunk.data(), chunk.size());
    if (got <= 0) return {};
    buffered_.append(chunk.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace troupe::test
