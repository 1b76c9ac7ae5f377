// Latency and throughput of frames between two processes of this machine:
//   transport_bench [TRANSPORTS] [SPIN_MICROSECONDS]      e.g. transport_bench tcp,posix,cma 50
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <string>
#include <vector>

#include "runtime/transport/ucx/ucx_transport.hpp"

namespace troupe {
namespace {

using clock = std::chrono::steady_clock;
constexpr frame_kind ball = 1;   // sent back
constexpr frame_kind cargo = 2;  // taken
constexpr frame_kind end = 3;    // answered once everything before it is there

void check(bool good) {
  if (good) return;
  fmt::print(stderr, "transport_bench: failed\n");
  std::_Exit(1);
}

/// One of the two processes. They exchange their addresses over a socket pair.
class side {
 public:
  side(peer_id self, peer_id other, bool echoing, int pipe, const ucx_settings& settings)
      : other_(other), echoing_(echoing), transport_(open_ucx_transport(self, settings).value()) {
    transport_->start([this](incoming_frame&& f) { on_frame(std::move(f)); },
                      [this](peer_id, const error&) { lost_.store(true); });
    const auto mine = transport_->address();
    check(::write(pipe, mine.data(), mine.size()) == static_cast<ssize_t>(mine.size()));
    std::vector<std::byte> theirs(64);
    const ssize_t got = ::read(pipe, theirs.data(), theirs.size());
    check(got > 0);
    theirs.resize(static_cast<std::size_t>(got));
    check(transport_->connect({other, theirs, 1}).has_value());
  }

  void send(frame_kind kind, const std::shared_ptr<std::vector<std::byte>>& payload) {
    while (!transport_->send(other_, {kind, {}, {{*payload, payload}}})) ::usleep(20);
  }
  /// Seconds for a frame to go there and another one back.
  double round_trip(const std::shared_ptr<std::vector<std::byte>>& payload) {
    const auto begin = clock::now();
    const unsigned seen = back_.load();
    send(ball, payload);
    // Looks rather than sleeps: what it takes to wake this thread is not the transport's.
    while (back_.load() == seen) {
    }
    return std::chrono::duration<double>(clock::now() - begin).count();
  }
  void wait_back(unsigned count) {
    while (back_.load() < count) ::usleep(20);
  }
  [[nodiscard]] bool lost() const { return lost_.load(); }
  [[nodiscard]] unsigned back() const { return back_.load(); }

 private:
  void on_frame(incoming_frame&& f) {
    if (!echoing_) {
      ++back_;
      return;
    }
    if (f.kind == cargo) return;
    check(transport_->send(f.from, {f.kind, {}, {{f.payload, f.owner}}}).has_value());
  }

  peer_id other_;
  bool echoing_;
  std::atomic<unsigned> back_ = 0;
  std::atomic<bool> lost_ = false;
  std::unique_ptr<transport> transport_;
};

void measure_latency(side& s, std::size_t bytes, int rounds) {
  const auto payload = std::make_shared<std::vector<std::byte>>(bytes);
  for (int i = 0; i < rounds / 10; ++i) (void)s.round_trip(payload);
  std::vector<double> times;
  for (int i = 0; i < rounds; ++i) times.push_back(s.round_trip(payload) / 2 * 1e6);
  std::ranges::sort(times);
  fmt::print("{:>8} B   half round trip {:8.1f} us median, {:8.1f} us at 99 %\n", bytes,
             times[times.size() / 2], times[times.size() * 99 / 100]);
}

void measure_throughput(side& s, std::size_t bytes, int frames) {
  const auto payload = std::make_shared<std::vector<std::byte>>(bytes);
  const unsigned before = s.back();
  const auto begin = clock::now();
  for (int i = 0; i < frames; ++i) s.send(cargo, payload);
  s.send(end, std::make_shared<std::vector<std::byte>>(1));
  s.wait_back(before + 1);
  const double seconds = std::chrono::duration<double>(clock::now() - begin).count();
  fmt::print("{:>8} B   {:8.2f} GB/s\n", bytes,
             static_cast<double>(bytes) * frames / seconds / 1e9);
}

}  // namespace
}  // namespace troupe

int main(int argc, char** argv) {
  using namespace troupe;
  ucx_settings settings;
  if (argc > 1) settings.transports = argv[1];
  if (argc > 2) settings.spin = std::chrono::microseconds(std::atoi(argv[2]));
  std::array<int, 2> pipe{};
  check(::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pipe.data()) == 0);
  const pid_t child = ::fork();  // before there is any thread
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const side there(2, 1, true, pipe[1], settings);
    while (true) ::pause();
  }
  {
    side here(1, 2, false, pipe[0], settings);
    for (const std::size_t bytes : {64, 8192, 65536, 1 << 20})
      measure_latency(here, bytes, bytes > 100000 ? 500 : 5000);
    for (const std::size_t bytes : {65536, 1 << 20, 8 << 20})
      measure_throughput(here, bytes, static_cast<int>((std::size_t{4} << 30) / bytes));
    ::kill(child, SIGKILL);
    const auto killed = clock::now();
    while (!here.lost()) ::usleep(50);
    fmt::print("a killed peer was noticed after {:.1f} ms\n",
               std::chrono::duration<double, std::milli>(clock::now() - killed).count());
  }
  ::waitpid(child, nullptr, 0);
}
