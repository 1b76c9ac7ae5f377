#include "actors/bin/service_manager.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace troupe::cli {
namespace {

std::string variable(const char* name) {
  const char* text = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody sets any
  return text == nullptr ? std::string() : std::string(text);
}

std::int64_t number(const std::string& text) {
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  return read.ec == std::errc() && read.ptr == end && value > 0 ? value : 0;
}

std::chrono::microseconds watchdog_of_this_process() {
  const std::string whose = variable("WATCHDOG_PID");
  if (!whose.empty() && number(whose) != ::getpid()) return {};
  return std::chrono::microseconds(number(variable("WATCHDOG_USEC")));
}

/// One line: a line break would begin another assignment.
std::string one_line(std::string_view text) {
  std::string line(text);
  std::ranges::replace(line, '\n', ' ');
  return line;
}

}  // namespace

service_manager::service_manager()
    : service_manager(variable("NOTIFY_SOCKET"), watchdog_of_this_process()) {}

service_manager::service_manager(std::string socket, std::chrono::microseconds watchdog)
    : socket_(std::move(socket)), watchdog_(watchdog) {
  if (!socket_.starts_with('/') && !socket_.starts_with('@')) socket_.clear();
  if (socket_.size() >= sizeof(sockaddr_un::sun_path)) socket_.clear();
  if (!socket_.empty()) file_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

service_manager::~service_manager() {
  if (file_ >= 0) ::close(file_);
}

void service_manager::ready(std::string_view text) { send("READY=1\nSTATUS=" + one_line(text)); }

void service_manager::status(std::string_view text) { send("STATUS=" + one_line(text)); }

void service_manager::stopping(std::string_view text, std::chrono::microseconds limit) {
  constexpr std::chrono::seconds farewells{15};
  // The watchdog is told to be patient: whoever winds up waits in one place.
  send(fmt::format("STOPPING=1\nWATCHDOG_USEC={0}\nEXTEND_TIMEOUT_USEC={0}\nSTATUS={1}",
                   (limit + farewells).count(), one_line(text)));
}

void service_manager::alive(clock::time_point now) {
  if (watchdog_.count() == 0 || now < next_) return;
  next_ = now + watchdog_ / 4;
  send("WATCHDOG=1");
}

void service_manager::send(std::string_view text) const {
  if (file_ < 0) return;
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, socket_.data(), socket_.size());
  if (socket_.starts_with('@')) to.sun_path[0] = '\0';
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  (void)::sendto(file_, text.data(), text.size(), MSG_NOSIGNAL,
                 reinterpret_cast<const sockaddr*>(&to), length);
}

}  // namespace troupe::cli
