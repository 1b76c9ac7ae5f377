#include "actors/bin/bandwidth_probe.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/endian/conversion.hpp>
#include <cstring>
#include <vector>

#include "actors/cluster/join_address.hpp"

namespace troupe::cli {
namespace {

namespace ip = boost::asio::ip;
using clock = std::chrono::steady_clock;
using error_code = boost::system::error_code;

constexpr std::chrono::seconds connect_limit{2};
constexpr std::chrono::seconds send_for{1};
constexpr std::chrono::seconds patience{5};
constexpr int look_every_ms = 100;
constexpr std::size_t piece_bytes = 1U << 20U;

/// No read or write waits for longer than `patience`.
void bound_waits(ip::tcp::socket& socket) {
  const timeval limit{patience.count(), 0};
  for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO})
    ::setsockopt(socket.native_handle(), SOL_SOCKET, option, &limit, sizeof limit);
}

/// Reads until the other side has sent all, and answers with how much that was.
void take_one(ip::tcp::socket socket, std::vector<char>& piece, const std::function<bool()>& over) {
  bound_waits(socket);
  std::uint64_t bytes = 0;
  const auto until = clock::now() + send_for + patience;
  while (clock::now() < until && !over()) {
    const auto got = ::recv(socket.native_handle(), piece.data(), piece.size(), 0);
    if (got < 0) return;
    if (got == 0) break;
    bytes += static_cast<std::uint64_t>(got);
  }
  const std::uint64_t told = boost::endian::native_to_little(bytes);
  (void)::send(socket.native_handle(), &told, sizeof told, MSG_NOSIGNAL);
}

}  // namespace

result<double> measure_bandwidth(const std::string& peer) {
  const auto at = parse_join_address(peer);
  if (!at) return fail(at.error());
  boost::asio::io_context io;
  ip::tcp::socket socket(io);
  if (open_door(io, socket, *at, connect_limit) != door::open)
    return fail(errc::unavailable, "{}: nobody measures there", peer);
  error_code code;
  socket.non_blocking(false, code);
  socket.native_non_blocking(false, code);
  bound_waits(socket);
  const std::vector<char> piece(piece_bytes);
  const auto begun = clock::now();
  while (clock::now() - begun < send_for)
    if (::send(socket.native_handle(), piece.data(), piece.size(), MSG_NOSIGNAL) <= 0)
      return fail(errc::io_error, "{}: it takes nothing", peer);
  socket.shutdown(ip::tcp::socket::shutdown_send, code);
  std::uint64_t told = 0;
  const auto got = ::recv(socket.native_handle(), &told, sizeof told, MSG_WAITALL);
  if (got != sizeof told) return fail(errc::io_error, "{}: it is no `troupe doctor --serve`", peer);
  const std::chrono::duration<double> took = clock::now() - begun;
  return static_cast<double>(boost::endian::little_to_native(told)) / took.count();
}

result<void> serve_bandwidth(std::uint16_t port, const std::function<void(std::uint16_t)>& begun,
                             const std::function<bool()>& over) {
  boost::asio::io_context io;
  ip::tcp::acceptor acceptor(io);
  error_code code;
  acceptor.open(ip::tcp::v4(), code);
  if (!code) acceptor.set_option(ip::tcp::acceptor::reuse_address(true), code);
  if (!code) acceptor.bind({ip::tcp::v4(), port}, code);
  if (!code) acceptor.listen(4, code);
  if (code) return fail(errc::address_in_use, "port {}: {}", port, code.message());
  begun(acceptor.local_endpoint(code).port());
  std::vector<char> piece(piece_bytes);
  while (!over()) {
    pollfd wait{acceptor.native_handle(), POLLIN, 0};
    if (::poll(&wait, 1, look_every_ms) <= 0) continue;
    ip::tcp::socket socket(io);
    acceptor.accept(socket, code);
    if (!code) take_one(std::move(socket), piece, over);
  }
  return {};
}

}  // namespace troupe::cli
