#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <string>

#include "actors/bin/service_manager.hpp"

namespace troupe::cli {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

/// A socket as systemd has it, in a folder that goes with it.
class notify_socket {
 public:
  notify_socket() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "troupe-notify-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    file_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::strncpy(at.sun_path, path().c_str(), sizeof at.sun_path - 1);
    REQUIRE(::bind(file_, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0);
  }
  notify_socket(const notify_socket&) = delete;
  notify_socket& operator=(const notify_socket&) = delete;
  ~notify_socket() {
    ::close(file_);
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  [[nodiscard]] std::string path() const { return (folder_ / "notify").string(); }
  /// The next message; empty: there is none.
  [[nodiscard]] std::string next() const {
    std::array<char, 4096> text{};
    const auto size = ::recv(file_, text.data(), text.size(), MSG_DONTWAIT);
    return size > 0 ? std::string(text.data(), static_cast<std::size_t>(size)) : std::string();
  }

 private:
  std::filesystem::path folder_;
  int file_ = -1;
};

}  // namespace

TEST_CASE("whoever started the process hears when it is ready, how it is, and that it ends") {
  const notify_socket socket;
  service_manager manager(socket.path(), microseconds(0));
  manager.ready("serving\nWATCHDOG=trigger");
  CHECK(socket.next() == "READY=1\nSTATUS=serving WATCHDOG=trigger");
  manager.status("looking");
  CHECK(socket.next() == "STATUS=looking");
  manager.stopping("stops", milliseconds(5'000));
  CHECK(socket.next() ==
        "STOPPING=1\nWATCHDOG_USEC=20000000\nEXTEND_TIMEOUT_USEC=20000000\nSTATUS=stops");
  manager.alive();
  CHECK(socket.next().empty());
}

TEST_CASE("the watchdog hears four times as often as it must, however often it could") {
  const notify_socket socket;
  service_manager manager(socket.path(), milliseconds(4'000));
  auto now = std::chrono::steady_clock::now();
  int heard = 0;
  for (int i = 0; i < 400; ++i, now += milliseconds(10)) {
    manager.alive(now);
    heard += socket.next() == "WATCHDOG=1" ? 1 : 0;
  }
  CHECK(heard == 4);
}

TEST_CASE("nobody waits for a listener that is not there, is gone, or cannot be") {
  std::string left;
  {
    const notify_socket socket;
    left = socket.path();
  }
  for (const std::string& where :
       {std::string(), left, std::string("relative"), std::string(500, '/')}) {
    service_manager manager(where, milliseconds(1));
    manager.ready("ready");
    manager.alive();
    manager.stopping("ends", milliseconds(0));
  }
}

}  // namespace troupe::cli
