#include "tests/actors/gateway/raw_client.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <stdexcept>
#include <utility>

namespace troupe::test {
namespace {

constexpr std::chrono::milliseconds patience{10'000};

bool wait(int socket, short events, std::chrono::milliseconds limit) {
  pollfd one{socket, events, 0};
  return ::poll(&one, 1, static_cast<int>(limit.count())) > 0;
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

}  // namespace

raw_client::raw_client(std::uint16_t port, int receive_buffer)
    : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  if (receive_buffer > 0)
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  const sockaddr_in address = loopback(port);
  if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    ::close(socket_);
    throw std::runtime_error("cannot connect to the server under test");
  }
}

raw_client::~raw_client() { ::close(socket_); }

bool raw_client::reaches(std::uint16_t port, std::chrono::milliseconds limit) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const sockaddr_in address = loopback(port);
  (void)::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  int failed = 0;
  socklen_t size = sizeof failed;
  const bool reached = wait(socket, POLLOUT, limit) &&
                       ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &failed, &size) == 0 &&
                       failed == 0;
  ::close(socket);
  return reached;
}

std::size_t raw_client::send_some(std::string_view bytes, std::chrono::milliseconds limit) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    if (!wait(socket_, POLLOUT, limit)) break;
    const ssize_t n =
        ::send(socket_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) continue;
    if (n <= 0) break;
    sent += static_cast<std::size_t>(n);
  }
  return sent;
}

bool raw_client::send(std::string_view bytes) { return send_some(bytes, patience) == bytes.size(); }

void raw_client::finish_sending() { ::shutdown(socket_, SHUT_WR); }

void raw_client::reset() {
  const linger hard{1, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  ::close(socket_);
  socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

bool raw_client::fill() {
  std::array<char, 16384> chunk{};
  if (!wait(socket_, POLLIN, patience)) return false;
  const ssize_t n = ::recv(socket_, chunk.data(), chunk.size(), 0);
  if (n <= 0) return false;
  input_.append(chunk.data(), static_cast<std::size_t>(n));
  return true;
}

std::string raw_client::read_until(std::string_view mark) {
  std::size_t at = input_.find(mark);
  while (at == std::string::npos) {
    const std::size_t from = input_.size() < mark.size() ? 0 : input_.size() - mark.size();
    if (!fill()) return std::exchange(input_, {});
    at = input_.find(mark, from);
  }
  std::string taken = input_.substr(0, at + mark.size());
  input_.erase(0, taken.size());
  return taken;
}

std::string raw_client::read_exactly(std::size_t bytes) {
  while (input_.size() < bytes)
    if (!fill()) break;
  std::string taken = input_.substr(0, bytes);
  input_.erase(0, taken.size());
  return taken;
}

std::string raw_client::read_to_end() {
  while (fill()) {
  }
  return std::exchange(input_, {});
}

bool raw_client::closed_by_server() {
  std::array<char, 16384> chunk{};
  const auto due = std::chrono::steady_clock::now() + patience;
  while (std::chrono::steady_clock::now() < due) {
    if (!wait(socket_, POLLIN, patience)) return false;
    if (::recv(socket_, chunk.data(), chunk.size(), 0) <= 0) return true;
  }
  return false;
}

raw_client::reply raw_client::read_reply(bool without_body) {
  reply r;
  r.head = read_until("\r\n\r\n");
  if (r.head.size() > 12) r.status = std::atoi(r.head.c_str() + 9);
  constexpr std::string_view field = "Content-Length: ";
  const std::size_t at = r.head.find(field);
  if (at == std::string::npos || without_body) return r;
  r.body = read_exactly(static_cast<std::size_t>(std::atoll(r.head.c_str() + at + field.size())));
  return r;
}

std::string get(std::string_view path, std::string_view more) {
  return fmt::format("GET {} HTTP/1.1\r\nHost: test\r\n{}\r\n", path, more);
}

std::string post(std::string_view path, std::string_view body, std::string_view more) {
  return fmt::format(
      "POST {} HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
      "Content-Length: {}\r\n{}\r\n{}",
      path, body.size(), more, body);
}

}  // namespace troupe::test
