// Whoever was not introduced: other transports, raw UCX, raw sockets.
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>

#include "runtime/transport/ucx/messages.hpp"
#include "runtime/transport/ucx/outbound.hpp"
#include "tests/runtime/transport/test_peer.hpp"
#include "tests/runtime/transport/ucx/ucx_family.hpp"

namespace troupe::test {
namespace {

using namespace std::chrono_literals;

std::size_t descriptors() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
    ++count;
  return count;
}

/// Ports that sockets of this process listen on.
std::vector<std::uint16_t> listening_ports() {
  std::vector<std::uint16_t> ports;
  for (int fd = 0; fd < 1024; ++fd) {
    int listening = 0;
    socklen_t size = sizeof listening;
    if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 || listening == 0)
      continue;
    sockaddr_in at{};
    socklen_t at_size = sizeof at;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &at_size) == 0 &&
        at.sin_family == AF_INET)
      ports.push_back(ntohs(at.sin_port));
  }
  return ports;
}

/// A socket that has said something to a port, and stays.
class raw_client {
 public:
  raw_client(std::uint16_t port, std::span<const std::byte> says)
      : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
    (void)!::send(fd_, says.data(), says.size(), MSG_NOSIGNAL);
  }
  raw_client(const raw_client&) = delete;
  raw_client& operator=(const raw_client&) = delete;
  ~raw_client() { ::close(fd_); }

 private:
  int fd_;
};

/// Speaks UCX to a transport, without being one.
class raw_speaker {
 public:
  explicit raw_speaker(const transport& to)
      : port_(ucx::port::open(patient_settings("tcp"),
                              {[this](const ucx::arrival& a) {
                                 heard_.emplace_back(a.head.begin(), a.head.end());
                               },
                               [this](const void*, ucs_status_t) { closed_ = true; }})
                  .value()),
        way_(*port_, port_->dial(to.address()).value()) {}

  void say(std::vector<std::byte> head, std::vector<std::byte> data = {}) {
    auto owner = std::make_shared<const std::vector<std::byte>>(std::move(data));
    (void)way_.send({std::move(head), {{*owner, owner}}, {}});
  }
  /// For the other end to answer to.
  [[nodiscard]] const std::vector<std::byte>& address() const { return port_->address(); }
  bool until(const std::function<bool()>& condition) {
    return eventually([&] {
      (void)port_->progress();
      (void)way_.resume();
      return condition();
    });
  }
  [[nodiscard]] bool closed() const { return closed_; }
  /// Whether the last that it heard was that the connection is over.
  [[nodiscard]] bool was_left() const {
    const auto head = ucx::read_head(heard_.back());
    return head && head->type == ucx::message_type::leave;
  }
  [[nodiscard]] const std::vector<std::vector<std::byte>>& heard() const { return heard_; }

 private:
  std::vector<std::vector<std::byte>> heard_;
  bool closed_ = false;
  std::unique_ptr<ucx::port> port_;
  ucx::outbound way_;
};

/// A transport that two peers use, and how they fare.
struct served {
  explicit served(const ucx_settings& settings = patient_settings("tcp"))
      : host(open_ucx_transport(100, settings).value()),
        friendly(open_ucx_transport(5, patient_settings("tcp")).value()) {
    host.start();
    friendly.start();
    join(host, friendly);
  }
  /// The introduced peer's frames still go through, and nothing else has come.
  void check_served() {
    REQUIRE(friendly.get().send(100, make_frame(1, "still here")));
    REQUIRE(host.wait_frames(1));
    const auto frames = host.take_frames();
    CHECK(frames.size() == 1);
    CHECK(frames[0].from == 5);
    CHECK(host.losses().empty());
  }
  test_peer host, friendly;
};

TEST_CASE("a transport that was not introduced gets nothing") {
  ucx_settings settings = patient_settings("tcp");
  settings.limits.connect_deadline = 300ms;
  served s(settings);
  for (const peer_id pretended : {peer_id{6}, peer_id{5}}) {
    const auto before = s.host.get().counters().refused;
    test_peer stranger(open_ucx_transport(pretended, settings).value());
    stranger.start();
    REQUIRE(stranger.get().connect(s.host.address(1234)));
    REQUIRE(stranger.get().send(100, make_frame(1, "let me in")));
    REQUIRE(stranger.wait_losses(1));
    CHECK(stranger.frames() == 0);
    CHECK(stranger.get().counters().frames_sent == 0);
    CHECK(stranger.get().counters().bytes_received == 0);
    CHECK(eventually([&] { return s.host.get().counters().refused > before; }));
    s.check_served();
  }
}

TEST_CASE("messages without a greeting, forged ones and nonsense are dropped and counted") {
  served s;
  raw_speaker stranger(s.host.get());
  ucx::message_head head;
  head.session = 1;
  std::uint64_t expected = 0;
  const auto say = [&](std::vector<std::byte> first, std::vector<std::byte> data = {}) {
    stranger.say(std::move(first), std::move(data));
    ++expected;
    CHECK(stranger.until([&] { return s.host.get().counters().refused >= expected; }));
  };
  say(ucx::encode(head), pattern(100, 1));
  say(ucx::encode(head), pattern(1 << 20, 1));  // announced only: never fetched
  head.type = ucx::message_type::ping;
  say(ucx::encode(head));
  say({});
  say(pattern(3000, 9));
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    auto nonsense = pattern(seed % 60, seed);
    if (!nonsense.empty()) nonsense[0] = static_cast<std::byte>(16 + seed % 3);
    say(std::move(nonsense));
  }
  CHECK(stranger.heard().empty());
  s.check_served();
}

TEST_CASE("whoever greets wrongly hears nothing") {
  served s;
  for (int way = 0; way < 3; ++way) {
    const auto before = s.host.get().counters().refused;
    raw_speaker stranger(s.host.get());
    const ucx::greeting hello{ucx::message_type::hello, 1, 7, 100, 1, 2, {1, 1}};
    auto bytes = ucx::encode(hello);
    if (way == 0) bytes.resize(20);
    if (way == 1) bytes[5] = std::byte{0};
    if (way == 2) bytes = ucx::encode(ucx::greeting{ucx::message_type::hello, 1, 7, 101, 1, 2, {}});
    stranger.say(std::move(bytes));
    CHECK(stranger.until([&] { return s.host.get().counters().refused > before; }));
    CHECK(stranger.heard().empty());
  }
  s.check_served();
}

TEST_CASE("greetings of strangers are forgotten, and do not keep a peer out") {
  ucx_settings settings = patient_settings("tcp");
  settings.limits.peers = 8;
  served s(settings);
  raw_speaker stranger(s.host.get());
  test_peer late(open_ucx_transport(7, patient_settings("tcp")).value());
  late.start();
  REQUIRE(late.get().connect(s.host.address(9)));
  for (std::uint64_t i = 0; i < 100; ++i)
    stranger.say(
        ucx::encode(ucx::greeting{ucx::message_type::hello, 1, 1000 + i, 100, i, 2, {1, 1}}));
  CHECK(stranger.until([&] { return s.host.get().counters().refused >= 92; }));
  REQUIRE(s.host.get().connect(late.address(9)));
  REQUIRE(late.get().send(100, make_frame(1, "here")));
  REQUIRE(s.host.wait_frames(1));
  (void)s.host.take_frames();
  s.check_served();
}

TEST_CASE("an introduced peer that breaks the rules is dropped") {
  served s;
  const std::uint64_t secret = 55;
  for (int way = 0; way < 14; ++way) {
    raw_speaker peer(s.host.get());
    const peer_id id = 10 + static_cast<peer_id>(way);
    REQUIRE(s.host.get().connect({id, peer.address(), secret}));
    peer.say(ucx::encode(ucx::greeting{ucx::message_type::hello, 1, id, 100, secret, 9, {8, 800}}));
    REQUIRE(peer.until([&] { return peer.heard().size() == 1; }));
    const auto answer = ucx::read_greeting(peer.heard()[0]);
    REQUIRE(answer);
    ucx::message_head head;
    head.session = answer->session;
    head.kind = 4;
    head.place = 10;
    peer.say(ucx::encode(head), pattern(10, 1));
    REQUIRE(peer.until([&] { return s.host.frames() == 1; }));
    (void)s.host.take_frames();
    head.sequence = 1;
    if (way == 0) head.sequence = 0;                       // again
    if (way == 1) head.sequence = std::uint64_t{1} << 40;  // far ahead
    if (way == 2) head.header_bytes = 11;                  // longer than what is there
    if (way == 3) head.header_bytes = 0xffffffff;
    if (way == 4) head.released.frames = 1;  // of none that went there
    if (way == 5) head.released.bytes = ~std::uint64_t{0};
    if (way == 6) head.place = 9;  // fewer than what is there
    if (way == 7) head.place = ~std::uint64_t{0};
    if (way == 8) head.type = ucx::message_type::rest;  // of nothing
    if (way > 8) head.place = 30;
    std::vector<std::byte> first = ucx::encode(head);
    if (way == 13) {  // with its header's bytes fewer than none
      head.header_bytes = 10;
      head.place = ~std::uint64_t{0} - 4;
      first = ucx::encode(head);
      first.resize(first.size() + head.header_bytes);
    }
    peer.say(std::move(first), pattern(10, 1));
    if (way > 8 && way < 13) {
      ucx::message_head more = head;
      if (way != 9) more.type = ucx::message_type::rest;  // 9: another frame in between
      if (way == 9) more.sequence = 2;
      more.place = way == 10 ? 9 : 10;              // 10: said before
      if (way == 11) more.sequence = 0;             // of another
      const std::size_t size = way == 12 ? 21 : 5;  // 12: past its end
      peer.say(ucx::encode(more), pattern(size, 1));
    }
    const auto losses = static_cast<std::size_t>(way) + 1;
    CHECK(peer.until([&] { return s.host.losses().size() == losses; }));
    CHECK(s.host.losses().back().peer == id);
    CHECK(s.host.losses().back().reason.code() == errc::corrupt);
    CHECK(peer.until([&] { return peer.closed() || peer.was_left(); }));
    CHECK(s.host.frames() == 0);
  }
}

TEST_CASE("a peer that ignores its credits is dropped") {
  ucx_settings settings = patient_settings("tcp");
  settings.limits.window_frames = 4;
  test_peer host(open_ucx_transport(100, settings).value());
  host.start();
  raw_speaker peer(host.get());
  REQUIRE(host.get().connect({7, peer.address(), 1}));
  peer.say(ucx::encode(ucx::greeting{ucx::message_type::hello, 1, 7, 100, 1, 9, {8, 800}}));
  REQUIRE(peer.until([&] { return peer.heard().size() == 1; }));
  ucx::message_head head;
  head.session = ucx::read_greeting(peer.heard()[0])->session;
  for (head.sequence = 0; head.sequence < 5; ++head.sequence) peer.say(ucx::encode(head));
  CHECK(peer.until([&] { return host.losses().size() == 1; }));
  CHECK(host.losses()[0].reason.code() == errc::corrupt);
  CHECK(host.frames() == 4);
}

TEST_CASE("garbage on the ports changes nothing") {
  served s;
  const auto ports = listening_ports();
  REQUIRE_FALSE(ports.empty());
  std::vector<std::unique_ptr<raw_client>> clients;
  for (const std::uint16_t port : ports) {
    clients.push_back(std::make_unique<raw_client>(port, bytes_of("GET / HTTP/1.1\r\n\r\n")));
    clients.push_back(std::make_unique<raw_client>(port, bytes_of("")));
    // A length that no message has: what listens for connections in UCX 1.13 ends the process
    // there.
    clients.push_back(
        std::make_unique<raw_client>(port, std::vector<std::byte>(4096, std::byte{0xff})));
    for (std::uint64_t seed = 0; seed < 20; ++seed)
      clients.push_back(std::make_unique<raw_client>(port, pattern(1 + seed * 37, seed)));
  }
  s.check_served();
  test_peer another(open_ucx_transport(6, patient_settings("tcp")).value());
  another.start();
  join(another, s.host);
  REQUIRE(another.get().send(100, make_frame(1, "x")));
  REQUIRE(s.host.wait_frames(1));
  clients.clear();
  (void)s.host.take_frames();
  s.check_served();
}

TEST_CASE("where there is no such address or transport, an error says so") {
  ucx_settings settings = patient_settings("tcp");
  settings.host = "not an address";
  CHECK(open_ucx_transport(1, settings).error().code() == errc::invalid_argument);
  settings.host = "192.0.2.7";
  CHECK(open_ucx_transport(1, settings).error().code() == errc::invalid_argument);
  settings.host = "127.0.0.1";
  settings.transports = "no-such-transport";
  CHECK_FALSE(open_ucx_transport(1, settings));
}

TEST_CASE("two hundred connections later there are as many descriptors as before") {
  for (const std::string& transports : ucx_transports) {
    INFO(transports);
    test_peer a(open_ucx_transport(1, patient_settings(transports)).value());
    test_peer b(open_ucx_transport(2, patient_settings(transports)).value());
    a.start();
    b.start();
    std::size_t before = 0;
    for (std::size_t round = 0; round < 210; ++round) {
      join(a, b, round);
      REQUIRE(a.get().send(2, make_frame(1, "", pattern(round % 10 == 0 ? 200000 : 20, round))));
      REQUIRE(b.wait_frames(1));
      CHECK(b.take_frames().size() == 1);
      (round % 2 == 0 ? a : b).get().disconnect(round % 2 == 0 ? 2 : 1);
      REQUIRE((round % 2 == 0 ? b : a).wait_losses(round / 2 + 1));
      if (round != 9) continue;
      // From here on nothing more is to be had: what is opened once is open.
      before = descriptors();
    }
    CHECK(eventually([&] { return descriptors() <= before + 2; }));
    CHECK(a.get().counters().peers == 0);
    CHECK(b.get().counters().peers == 0);
    CHECK(b.get().counters().refused == 0);
  }
}

}  // namespace
}  // namespace troupe::test
