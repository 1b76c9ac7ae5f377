#include "actors/bin/worker_processes.hpp"

#include <doctest/doctest.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "actors/bin/backoff.hpp"
#include "actors/bin/worker_commands.hpp"

namespace troupe::cli {
namespace {

using std::chrono::milliseconds;
using worker = worker_processes::worker;

constexpr worker_timing quick{milliseconds(1), milliseconds(4), milliseconds(60'000),
                              milliseconds(10'000)};

/// False where it does not become true within twenty seconds.
bool eventually(const std::function<bool()>& wanted) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (std::chrono::steady_clock::now() < deadline) {
    if (wanted()) return true;
    std::this_thread::sleep_for(milliseconds(1));
  }
  return wanted();
}

bool no_child_is_left() { return ::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD; }

/// What a process runs, its words run together.
std::string program_of(int pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/cmdline");
  return {std::istreambuf_iterator<char>(in), {}};
}

worker sleeper(const std::string& name) { return {name, {"/bin/sleep", {"sleep", "60"}, {}}}; }
worker script(const std::string& name, const std::string& text) {
  return {name, {"/bin/sh", {"sh", "-c", text}, {}}};
}

/// What was told, from any thread.
class told {
 public:
  worker_processes::notice listener() {
    return [this](std::string_view line) {
      const std::scoped_lock lock(mutex_);
      lines_.emplace_back(line);
    };
  }
  [[nodiscard]] bool has(std::string_view text) const {
    const std::scoped_lock lock(mutex_);
    for (const std::string& line : lines_)
      if (line.find(text) != std::string::npos) return true;
    return false;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

}  // namespace

TEST_CASE("pauses grow up to a bound and begin anew") {
  backoff pause(milliseconds(100), milliseconds(350));
  CHECK(pause.next() == milliseconds(100));
  CHECK(pause.next() == milliseconds(200));
  CHECK(pause.next() == milliseconds(350));
  CHECK(pause.next() == milliseconds(350));
  pause.reset();
  CHECK(pause.next() == milliseconds(100));
}

TEST_CASE("a worker that is killed is started again under its name; the others stay") {
  told log;
  const auto workers = worker_processes::start({sleeper("a"), sleeper("b")}, log.listener(), quick);
  REQUIRE(workers);
  const auto before = (*workers)->state();
  REQUIRE(before.size() == 2);
  REQUIRE(::kill(before[0].pid, SIGKILL) == 0);
  REQUIRE(eventually([&] {
    const auto now = (*workers)->state();
    return now[0].starts == 2 && now[0].pid > 0;
  }));
  const auto after = (*workers)->state();
  CHECK(after[0].name == "a");
  CHECK(after[0].pid != before[0].pid);
  CHECK(after[1].pid == before[1].pid);
  CHECK(after[1].starts == 1);
  CHECK(log.has("a (process " + std::to_string(before[0].pid) +
                ") ended: signal 9 (Killed); starting it again in"));
}

TEST_CASE("a worker that leaves by its own wish stays away, one that fails comes back") {
  told log;
  const auto workers = worker_processes::start(
      {script("done", "exit 0"), script("failing", "exit 7")}, log.listener(), quick);
  REQUIRE(workers);
  CHECK(eventually([&] { return (*workers)->state()[1].starts > 4; }));
  CHECK(eventually([&] { return (*workers)->state()[0].left; }));
  const auto now = (*workers)->state();
  CHECK(now[0].starts == 1);
  CHECK(now[0].pid == 0);
  CHECK_FALSE(now[1].left);
  CHECK(log.has("done (process "));
  CHECK(log.has("ended: exit status 7"));
}

TEST_CASE("all workers end with their object, one that takes no notice and a frozen one too") {
  told log;
  {
    auto times = quick;
    times.stop_within = milliseconds(100);
    const auto workers = worker_processes::start(
        {sleeper("a"), script("deaf", "trap '' TERM; exec sleep 60"), sleeper("frozen")},
        log.listener(), times);
    REQUIRE(workers);
    const auto now = (*workers)->state();
    REQUIRE(eventually([&] { return program_of(now[1].pid).starts_with("sleep"); }));
    REQUIRE(::kill(now[2].pid, SIGSTOP) == 0);
  }
  CHECK(no_child_is_left());
  CHECK(log.has("deaf (process "));
  CHECK_FALSE(log.has("frozen"));
}

TEST_CASE("where one worker cannot be started, none is left") {
  const auto workers = worker_processes::start(
      {sleeper("a"), {"b", {"/no/such/program", {"x"}, {}}}}, [](std::string_view) {}, quick);
  REQUIRE_FALSE(workers);
  CHECK(workers.error().message() ==
        "b: /no/such/program cannot be started: No such file or directory");
  CHECK(no_child_is_left());
}

TEST_CASE("workers compute on what the server was told to") {
  engine_config engine;
  engine.device = "auto";
  engine.tensor_parallel = 2;
  engine.threads = 4;
  engine.graph_rows = 8;
  const node_options common = node_options_by(engine, {}, "info", log_format::text);
  CHECK(common.device == "auto");
  CHECK(common.tensor_parallel == 2);
  CHECK(common.threads == 4);
  CHECK(common.graph_rows == 8);
}

TEST_CASE("workers are nodes of this program that compute in turn") {
  node_options common;
  common.join = "127.0.0.1:7001";
  common.model = "/models/a b";
  common.threads = 2;
  const auto workers = worker_commands(common, 2, std::size_t{3} << 30U);
  REQUIRE(workers.size() == 2);
  CHECK(workers[1].name == "worker-1");
  CHECK(workers[1].command.program == "/proc/self/exe");
  const std::vector<std::string> wanted{"troupe",
                                        "node",
                                        "--join=127.0.0.1:7001",
                                        "--model=/models/a b",
                                        "--name=worker-1",
                                        "--device=cpu",
                                        "--threads=2",
                                        "--turns=2",
                                        "--actor-threads=2",
                                        "--memory-mib=3072",
                                        "--log-level=info"};
  CHECK(workers[1].command.arguments == wanted);
  common.graph_rows = 0;
  common.data = {"rc,tcp", "mlx5_0:1"};
  const auto others = worker_commands(common, 1, std::size_t{3} << 30U);
  for (const char* word : {"--graph-rows=0", "--data-transports=rc,tcp", "--data-devices=mlx5_0:1"})
    CHECK(std::ranges::count(others[0].command.arguments, word) == 1);
}

TEST_CASE("workers have even parts of the tiers, which take of their memory") {
  node_options common;
  common.tiers = {std::size_t{1} << 30U, "/a folder", std::uint64_t{8} << 30U};
  const auto workers = worker_commands(common, 2, std::size_t{3} << 30U);
  const auto& words = workers[1].command.arguments;
  for (const char* word : {"--cache-host-mib=512", "--cache-folder=/a folder",
                           "--cache-disk-mib=4096", "--memory-mib=2560"})
    CHECK_MESSAGE(std::ranges::count(words, word) == 1, word);
}

TEST_CASE("the last workers are for experts, with names of their own") {
  const auto workers = worker_commands({}, 3, 0, 2);
  REQUIRE(workers.size() == 3);
  CHECK(workers[0].name == "worker-0");
  CHECK(workers[1].name == "expert-0");
  CHECK(workers[2].name == "expert-1");
  const auto for_experts = [](const worker_processes::worker& w) {
    return std::ranges::count(w.command.arguments, "--role=experts") == 1;
  };
  CHECK_FALSE(for_experts(workers[0]));
  CHECK(for_experts(workers[1]));
  CHECK(for_experts(workers[2]));
}

TEST_CASE("a worker is added while others run, and is forgotten once it has been removed") {
  told log;
  const auto workers = worker_processes::start({}, log.listener(), quick);
  REQUIRE(workers);
  CHECK((*workers)->state().empty());
  REQUIRE((*workers)->add(sleeper("a")));
  const auto twice = (*workers)->add(sleeper("a"));
  REQUIRE_FALSE(twice);
  CHECK(twice.error().code() == errc::already_exists);
  const auto broken = (*workers)->add({"b", {"/no/such/program", {"b"}, {}}});
  REQUIRE_FALSE(broken);
  CHECK(broken.error().code() == errc::not_found);
  REQUIRE((*workers)->state().size() == 1);
  CHECK((*workers)->state()[0].pid > 0);
  (*workers)->remove("nobody");
  (*workers)->remove("a");
  CHECK(eventually([&] { return (*workers)->state().empty(); }));
  CHECK(log.has("a (process"));
  CHECK(no_child_is_left());
  CHECK((*workers)->add(sleeper("a")));
}

TEST_CASE("a name whose worker has left is free") {
  told log;
  const auto workers = worker_processes::start({script("a", "exit 0")}, log.listener(), quick);
  REQUIRE(workers);
  REQUIRE(eventually([&] { return (*workers)->state()[0].left; }));
  REQUIRE((*workers)->add(sleeper("a")));
  REQUIRE((*workers)->state().size() == 1);
  CHECK_FALSE((*workers)->state()[0].left);
}

}  // namespace troupe::cli
