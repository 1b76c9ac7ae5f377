#include "actors/gateway/listener.hpp"

#include <linux/filter.h>
#include <sys/socket.h>

#include <array>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <string_view>
#include <utility>

namespace troupe::gateway {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

/// So long no connection is accepted after the process ran out of descriptors.
constexpr std::chrono::milliseconds accept_pause{100};
/// Of those who connected just before the end.
constexpr std::size_t most_pending = 4096;
/// So long those whose first packet came before the end may take to connect.
constexpr std::chrono::milliseconds settle_time{50};

result<asio::ip::address> parse_host(const std::string& host) {
  std::string_view text = host;
  if (text == "localhost") text = "127.0.0.1";
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  boost::system::error_code failed;
  const asio::ip::address address = asio::ip::make_address(text, failed);
  if (failed)
    return fail(errc::invalid_argument,
                "host \"{}\" is not an IP address; use 127.0.0.1, ::1, or 0.0.0.0 for all networks",
                host);
  return address;
}

result<void> refused(const boost::system::error_code& failed, const std::string& host,
                     std::uint16_t port) {
  if (failed == asio::error::address_in_use)
    return fail(errc::address_in_use, "port {} on {} is in use by another process; choose another",
                port, host);
  if (failed == boost::system::errc::address_not_available)
    return fail(errc::invalid_argument, "host {} is not an address of this machine", host);
  return fail(errc::io_error, "cannot listen on {} port {}: {}", host, port, failed.message());
}

/// Has the system drop the first packet of whoever connects from now on. They try again, and find
/// the port closed: had they been let in between the last accept and the close, they would see a
/// connection reset, which a balancer does not try elsewhere. As good as nothing where it fails.
void drop_newcomers(tcp::acceptor& acceptor) {
  constexpr std::uint32_t flags_at = 13;  // of a TCP header, RFC 9293 3.1
  constexpr std::uint32_t syn = 0x02;
  constexpr std::uint32_t ack = 0x10;
  std::array<sock_filter, 5> program{{
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, flags_at),
      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, syn | ack),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, syn, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0),
      BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
  }};
  const sock_fprog filter{program.size(), program.data()};
  (void)::setsockopt(acceptor.native_handle(), SOL_SOCKET, SO_ATTACH_FILTER, &filter,
                     sizeof filter);
}

}  // namespace

result<bool> is_loopback(const std::string& host) {
  const auto address = parse_host(host);
  if (!address) return fail(address.error());
  return address->is_loopback();
}

result<std::shared_ptr<listener>> listener::open(asio::io_context& io, const std::string& host,
                                                 std::uint16_t port) {
  const auto address = parse_host(host);
  if (!address) return fail(address.error());
  auto made = std::make_shared<listener>(io);
  tcp::acceptor& acceptor = made->acceptor_;
  const tcp::endpoint endpoint(*address, port);
  boost::system::error_code failed;
  // The first step that fails leaves its reason; those after it are skipped.
  (void)acceptor.open(endpoint.protocol(), failed);
  if (!failed) (void)acceptor.set_option(asio::socket_base::reuse_address(true), failed);
  if (!failed && address->is_v6() && address->is_unspecified())
    (void)acceptor.set_option(asio::ip::v6_only(false), failed);
  if (!failed) (void)acceptor.bind(endpoint, failed);
  if (!failed) made->port_ = acceptor.local_endpoint(failed).port();
  made->host_ = host;
  if (failed) return fail(refused(failed, host, port).error());
  return made;
}

result<void> listener::listen() {
  boost::system::error_code failed;
  (void)acceptor_.listen(asio::socket_base::max_listen_connections, failed);
  if (failed) return refused(failed, host_, port_);
  return {};
}

void listener::start(accepted on_accepted) {
  on_accepted_ = std::move(on_accepted);
  accept();
}

void listener::close(std::function<void()> closed) {
  closed_ = std::move(closed);
  if (!on_accepted_) return finish();
  drop_newcomers(acceptor_);
  pause_.arm(settle_time, [this] { finish(); });
}

void listener::finish() {
  boost::system::error_code ignored;
  (void)acceptor_.non_blocking(true, ignored);
  for (std::size_t i = 0; on_accepted_ && i < most_pending; ++i) {
    boost::system::error_code none;
    tcp::socket socket(acceptor_.get_executor());
    (void)acceptor_.accept(socket, none);
    if (none) break;
    on_accepted_(std::move(socket));
  }
  (void)acceptor_.close(ignored);
  // An accept that is under way may have its connection already, and says so in a later turn.
  if (!accepting_) ended();
}

void listener::ended() {
  on_accepted_ = nullptr;
  if (closed_) std::exchange(closed_, nullptr)();
}

void listener::accept() {
  accepting_ = true;
  acceptor_.async_accept(
      [self = shared_from_this()](const boost::system::error_code& failed, tcp::socket socket) {
        self->accepting_ = false;
        if (!failed) self->on_accepted_(std::move(socket));
        if (!self->acceptor_.is_open()) return self->ended();
        if (!failed) return self->accept();
        // The end has its own pause, after which whoever is left is accepted.
        if (!self->closed_)
          self->pause_.arm(accept_pause, [again = self.get()] { again->accept(); });
      });
}

}  // namespace troupe::gateway
