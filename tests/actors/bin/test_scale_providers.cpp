// Who adds nodes and takes them away: the operator's executable, and processes of this machine.
#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <thread>

#include "actors/bin/scale_command.hpp"
#include "actors/bin/scale_workers.hpp"

namespace troupe::cli {
namespace {

using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::chrono::seconds patience{20};

/// A shell script, gone with this object.
class script {
 public:
  explicit script(const std::string& text)
      : folder_(std::filesystem::temp_directory_path() /
                ("troupe-scale-" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(folder_);
    std::ofstream(file()) << "#!/bin/sh\n" << text << '\n';
    std::filesystem::permissions(file(), std::filesystem::perms::owner_all);
  }
  script(const script&) = delete;
  script& operator=(const script&) = delete;
  ~script() { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::filesystem::path file() const { return folder_ / "scale"; }
  [[nodiscard]] std::filesystem::path beside(const std::string& name) const {
    return folder_ / name;
  }
  [[nodiscard]] std::unique_ptr<scale_provider> provider(
      milliseconds limit = milliseconds(20'000)) const {
    auto made = make_command_provider({file().string(), "a:1,b:2", "/models/m.gguf", limit});
    REQUIRE(made);
    return std::move(*made);
  }

 private:
  std::filesystem::path folder_;
};

std::string text_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

bool eventually(const std::function<bool()>& wanted) {
  const auto deadline = clock::now() + patience;
  while (!wanted() && clock::now() < deadline) std::this_thread::sleep_for(milliseconds(1));
  return wanted();
}

result<void> outcome_of(scale_provider& provider) {
  std::optional<result<void>> outcome;
  REQUIRE(eventually([&] {
    if (!outcome) outcome = provider.poll(clock::now());
    return outcome.has_value();
  }));
  CHECK_FALSE(provider.poll(clock::now()));  // told once
  return *outcome;
}

worker_processes::worker sleeper(const std::string& name) {
  return {name, {"/bin/sleep", {"sleep", "60"}, {}}};
}

}  // namespace

TEST_CASE("the operator's executable gets the arguments that are documented") {
  const script s(R"(for a in "$@"; do echo "$a"; done >> "$(dirname "$0")/words")");
  const auto provider = s.provider();
  CHECK(provider->means() == "command");
  provider->grow(3, clock::now());
  CHECK(outcome_of(*provider));
  CHECK(text_of(s.beside("words")) ==
        "grow\n--count\n3\n--join\na:1,b:2\n--model\n/models/m.gguf\n");
  std::filesystem::remove(s.beside("words"));
  provider->shrink("node-7", "host-b", clock::now());
  CHECK(outcome_of(*provider));
  CHECK(text_of(s.beside("words")) == "shrink\nnode-7\n--host\nhost-b\n");
  CHECK(provider->removable("node-7"));
  CHECK_FALSE(provider->removable("--force"));
}

TEST_CASE("an executable that fails is told of with its status and the last that it said") {
  const script s("yes filler | head -n 2000; printf 'no quota\\tin zone\\n\\n' >&2; exit 3");
  const auto provider = s.provider();
  provider->grow(1, clock::now());
  const auto outcome = outcome_of(*provider);
  REQUIRE_FALSE(outcome);
  CHECK(outcome.error().code() == errc::io_error);
  const std::string& message = outcome.error().message();
  CHECK(message.find("grow: exit status 3: ") != std::string::npos);
  CHECK(message.ends_with("filler no quota in zone"));
  CHECK(message.size() < 600);
}

TEST_CASE("an executable that hangs is killed at its deadline, with what it has started") {
  const script s(R"(echo waiting >&2; sleep 600 & echo $! > "$(dirname "$0")/child"; wait)");
  const auto provider = s.provider(milliseconds(60'000));
  const auto begun = clock::now();
  provider->grow(1, begun);
  REQUIRE(eventually([&] {
    CHECK_FALSE(provider->poll(begun + milliseconds(59'999)));
    return text_of(s.beside("child")).find('\n') != std::string::npos;
  }));
  const auto outcome = provider->poll(begun + milliseconds(60'000));
  REQUIRE(outcome);
  REQUIRE_FALSE(*outcome);
  CHECK(outcome->error().code() == errc::deadline_exceeded);
  CHECK(outcome->error().message().ends_with("did not end within 60 s and was killed: waiting"));
  // Its parent is gone; whoever is init there buries it, or it stays as a zombie.
  const int child = std::stoi(text_of(s.beside("child")));
  CHECK(eventually([&] {
    const std::string stat = text_of("/proc/" + std::to_string(child) + "/stat");
    return stat.empty() || stat.find(") Z") != std::string::npos;
  }));
}

TEST_CASE("what an executable leaves running is not waited for, and lives on") {
  const script s(R"(sleep 600 > /dev/null 2>&1 & echo $! > "$(dirname "$0")/child")");
  const auto provider = s.provider();
  provider->grow(1, clock::now());
  CHECK(outcome_of(*provider));
  const int child = std::stoi(text_of(s.beside("child")));
  CHECK(::kill(child, SIGKILL) == 0);
}

TEST_CASE("a file that cannot be run is refused before anything starts") {
  for (const char* file : {"", "/etc/passwd", "/tmp", "/no/such/file"}) {
    const auto made = make_command_provider({file, "", "", milliseconds(1)});
    REQUIRE_FALSE(made);
    CHECK(made.error().code() == errc::invalid_argument);
  }
}

TEST_CASE("processes of this machine are started one by one and end when they are taken away") {
  const auto kept = worker_processes::start({sleeper("w0")}, [](std::string_view) {});
  REQUIRE(kept);
  const auto provider = make_worker_provider(**kept, {sleeper("w0"), sleeper("w1"), sleeper("w2")});
  CHECK(provider->removable("w0"));
  CHECK_FALSE(provider->removable("w1"));
  provider->grow(1, clock::now());
  CHECK(outcome_of(*provider));
  REQUIRE((*kept)->state().size() == 2);
  CHECK((*kept)->state()[1].name == "w1");
  CHECK((*kept)->state()[1].pid > 0);
  CHECK(provider->removable("w1"));

  provider->grow(2, clock::now());
  const auto too_many = outcome_of(*provider);
  REQUIRE_FALSE(too_many);
  CHECK(too_many.error().code() == errc::exhausted);
  CHECK((*kept)->state().size() == 2);

  provider->shrink("w0", "h", clock::now());
  CHECK(outcome_of(*provider));
  REQUIRE((*kept)->state().size() == 1);
  CHECK((*kept)->state()[0].name == "w1");
  provider->grow(1, clock::now());  // its place is free again
  CHECK(outcome_of(*provider));
  CHECK((*kept)->state()[1].name == "w0");
}

}  // namespace troupe::cli
