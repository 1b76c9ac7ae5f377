#include "actors/bin/child_process.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <thread>

namespace troupe::cli {
namespace {

constexpr std::chrono::seconds patience{20};

child_command shell(const std::string& script) { return {"/bin/sh", {"sh", "-c", script}}; }

/// A line of /proc/PID/status without its name.
std::string status_line(int pid, const std::string& name) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with(name + ":")) return line.substr(name.size() + 2);
  return {};
}

}  // namespace

TEST_CASE("how a child ended is told") {
  child_process::end ended;
  auto failing = child_process::start(shell("exit 3"));
  REQUIRE(failing);
  REQUIRE(failing->wait(patience));
  CHECK(failing->finished(ended));
  CHECK(ended.text() == "exit status 3");

  auto killed = child_process::start({"/bin/sleep", {"sleep", "60"}});
  REQUIRE(killed);
  CHECK_FALSE(killed->finished(ended));
  CHECK_FALSE(killed->wait(std::chrono::milliseconds(0)));
  killed->kill();
  REQUIRE(killed->wait(patience));
  CHECK(killed->finished(ended));
  CHECK(ended.text() == "signal 9 (Killed)");
}

TEST_CASE("a program that cannot be started is an error, not a child") {
  const auto missing = child_process::start({"/no/such/program", {"x"}});
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code() == errc::not_found);
  CHECK(missing.error().message() ==
        "/no/such/program cannot be started: No such file or directory");
  const auto folder = child_process::start({"/tmp", {"x"}});
  REQUIRE_FALSE(folder);
  CHECK(folder.error().code() == errc::io_error);
}

TEST_CASE("a child has its own group, no blocked signals and nothing open") {
  const int leaked = ::fcntl(STDERR_FILENO, F_DUPFD, 100);
  REQUIRE(leaked >= 100);
  sigset_t blocked;
  sigset_t before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &blocked, &before);
  auto child = child_process::start({"/bin/sleep", {"sleep", "60"}});
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::close(leaked);
  REQUIRE(child);
  const std::string base = "/proc/" + std::to_string(child->pid());
  CHECK(status_line(child->pid(), "SigBlk") == "0000000000000000");
  CHECK(::getpgid(child->pid()) == child->pid());
  CHECK(std::filesystem::read_symlink(base + "/fd/0") == "/dev/null");
  CHECK_FALSE(std::filesystem::exists(
      std::filesystem::symlink_status(base + "/fd/" + std::to_string(leaked))));
}

TEST_CASE("a child ends with the thread that started it, and with its object") {
  std::optional<child_process> orphan;
  std::thread([&orphan] {
    if (auto child = child_process::start({"/bin/sleep", {"sleep", "60"}}))
      orphan.emplace(std::move(*child));
  }).join();
  REQUIRE(orphan);
  CHECK(orphan->wait(patience));

  int pid = 0;
  {
    const auto child = child_process::start({"/bin/sleep", {"sleep", "60"}});
    REQUIRE(child);
    pid = child->pid();
  }
  CHECK_FALSE(std::filesystem::exists("/proc/" + std::to_string(pid)));
}

TEST_CASE("a stopped child ends when asked to") {
  auto child = child_process::start({"/bin/sleep", {"sleep", "60"}});
  REQUIRE(child);
  REQUIRE(::kill(child->pid(), SIGSTOP) == 0);
  child->terminate();
  CHECK(child->wait(patience));
}

}  // namespace troupe::cli
