#include "runtime/transport/ucx/ucx_transport.hpp"

#include <poll.h>
#include <pthread.h>

#include <atomic>
#include <future>
#include <thread>
#include <utility>

#include "runtime/transport/spin_budget.hpp"
#include "runtime/transport/ucx/connections.hpp"

namespace troupe {
namespace {

constexpr unsigned spare_processors = 8;

std::chrono::microseconds default_spin() {
  return std::chrono::microseconds(std::thread::hardware_concurrency() >= spare_processors ? 50
                                                                                           : 0);
}

class ucx_transport final : public transport {
 public:
  using opened = std::promise<result<std::vector<std::byte>>>;

  ucx_transport(peer_id self, const ucx_settings& settings)
      : self_(self), settings_(settings), mailbox_(self, settings.limits) {}
  ucx_transport(const ucx_transport&) = delete;
  ucx_transport& operator=(const ucx_transport&) = delete;
  ~ucx_transport() override {
    stopping_.store(true);
    mailbox_.bell()->wake.wake();
  }

  /// UCX wants one thread that makes a worker and uses it.
  [[nodiscard]] result<void> open() {
    opened promise;
    auto listening = promise.get_future();
    thread_ = std::jthread([this, p = std::move(promise)]() mutable { run(std::move(p)); });
    auto address = listening.get();
    if (!address) return fail(std::move(address.error()));
    address_ = std::move(*address);
    return {};
  }

  [[nodiscard]] peer_id self() const override { return self_; }
  [[nodiscard]] std::vector<std::byte> address() const override { return address_; }
  void start(frame_handler on_frame, loss_handler on_loss) override {
    on_frame_ = std::move(on_frame);
    on_loss_ = std::move(on_loss);
    started_.store(true);
    mailbox_.bell()->wake.wake();
  }
  [[nodiscard]] result<void> connect(const peer_address& peer) override {
    return mailbox_.connect(peer);
  }
  void disconnect(peer_id peer) override { mailbox_.disconnect(peer); }
  [[nodiscard]] result<void> send(peer_id to, outgoing_frame frame) override {
    return mailbox_.send(to, std::move(frame));
  }
  [[nodiscard]] bool reads_device_memory() const override { return reads_device_memory_.load(); }
  [[nodiscard]] transport_counters counters() const override { return counters_.read(); }

 private:
  using clock = ucx::clock;
  static constexpr std::chrono::microseconds lost_turn{100};

  void run(opened promise) {
    pthread_setname_np(pthread_self(), "troupe.ucx");
    ucx::connections peers(self_, settings_, mailbox_, counters_);
    auto address = peers.open();
    const bool usable = address.has_value();
    reads_device_memory_.store(usable && peers.reads_device_memory());
    promise.set_value(std::move(address));
    if (!usable || !wait_for_start()) return;
    peers.set_handlers(on_frame_, on_loss_);
    serve(peers);
  }

  /// False if the transport ends before it has started.
  [[nodiscard]] bool wait_for_start() {
    waker& bell = mailbox_.bell()->wake;
    while (!started_.load() && !stopping_.load()) {
      bell.announce();
      pollfd watched{bell.descriptor(), POLLIN, 0};
      if (!started_.load() && !stopping_.load()) (void)::poll(&watched, 1, 100);
      bell.clear();
    }
    return started_.load();
  }

  void serve(ucx::connections& peers) {
    spin_budget spin(settings_.spin.value_or(default_spin()));
    std::vector<ucx::command> commands;
    auto worked = clock::now();
    auto looked = worked;
    auto next_tick = worked;
    while (!stopping_.load()) {
      mailbox_.take(commands);
      auto now = clock::now();
      for (ucx::command& c : commands) peers.execute(std::move(c), now);
      const bool busy = peers.progress(now) || !commands.empty();
      if (now >= next_tick) {
        peers.tick(now);
        next_tick = now + peers.tick_interval();
      }
      if (busy) {
        spin.observe(now - worked, now);
        worked = looked = clock::now();
        continue;
      }
      // A look takes a microsecond or two; what takes far longer is others' time.
      if (now - looked > lost_turn) spin.preempted(now);
      looked = now;
      if (now - worked < spin.current()) continue;
      sleep(peers, next_tick - now);
      looked = clock::now();
    }
  }

  void sleep(ucx::connections& peers, clock::duration most) {
    ucx::doorbell& bell = *mailbox_.bell();
    bell.wake.announce();
    // Whatever came before the announcement is seen here; what comes after it rings.
    if (mailbox_.empty() && !stopping_.load() && !bell.credits_due.load())
      peers.wait(std::chrono::ceil<std::chrono::milliseconds>(most));
    bell.wake.clear();
  }

  const peer_id self_;
  const ucx_settings settings_;
  ucx::mailbox mailbox_;
  ucx::live_counters counters_;
  std::vector<std::byte> address_;
  frame_handler on_frame_;
  loss_handler on_loss_;
  std::atomic<bool> reads_device_memory_ = false;
  std::atomic<bool> started_ = false;
  std::atomic<bool> stopping_ = false;
  std::jthread thread_;  ///< the last one: it uses the others
};

}  // namespace

result<std::unique_ptr<transport>> open_ucx_transport(peer_id self, const ucx_settings& settings) {
  auto made = std::make_unique<ucx_transport>(self, settings);
  if (auto done = made->open(); !done) return fail(std::move(done.error()));
  return made;
}

}  // namespace troupe
