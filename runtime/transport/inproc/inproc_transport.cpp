#include <pthread.h>

#include <thread>
#include <utility>

#include "runtime/transport/frame_sizes.hpp"
#include "runtime/transport/inproc/inproc_hub.hpp"
#include "runtime/transport/inproc/switchboard.hpp"

namespace troupe {
namespace {

class inproc_transport final : public transport {
 public:
  inproc_transport(peer_id self, std::shared_ptr<inproc::switchboard> board)
      : self_(self), board_(std::move(board)) {}
  inproc_transport(const inproc_transport&) = delete;
  inproc_transport& operator=(const inproc_transport&) = delete;

  ~inproc_transport() override {
    {
      const std::lock_guard lock(board_->mutex);
      own().stopping = true;
      own().changed.notify_one();
    }
    if (thread_.joinable()) thread_.join();
    std::unordered_map<peer_id, inproc::station>::node_type gone;
    std::vector<inproc::link> links;
    const std::lock_guard lock(board_->mutex);
    while (!own().links.empty())
      links.push_back(board_->disconnect(self_, own().links.begin()->first));
    gone = board_->stations.extract(self_);
  }

  [[nodiscard]] peer_id self() const override { return self_; }
  [[nodiscard]] std::vector<std::byte> address() const override { return {}; }

  void start(frame_handler on_frame, loss_handler on_loss) override {
    on_frame_ = std::move(on_frame);
    on_loss_ = std::move(on_loss);
    thread_ = std::jthread([this] { run(); });
  }

  [[nodiscard]] result<void> connect(const peer_address& peer) override {
    std::deque<outgoing_frame> sent;
    const std::lock_guard lock(board_->mutex);
    return board_->connect(self_, peer, inproc::clock::now(), sent);
  }
  void disconnect(peer_id peer) override {
    inproc::link rest;
    const std::lock_guard lock(board_->mutex);
    rest = board_->disconnect(self_, peer);
  }
  [[nodiscard]] result<void> send(peer_id to, outgoing_frame frame) override {
    const std::lock_guard lock(board_->mutex);
    return board_->send(self_, to, frame);
  }
  [[nodiscard]] transport_counters counters() const override {
    const std::lock_guard lock(board_->mutex);
    return board_->stations.at(self_).counters;
  }

 private:
  [[nodiscard]] inproc::station& own() const { return board_->stations.at(self_); }

  void run() {
    pthread_setname_np(pthread_self(), "troupe.inproc");
    std::unique_lock lock(board_->mutex);
    while (!own().stopping) {
      const auto next = board_->expire(self_, inproc::clock::now());
      if (own().inbox.empty()) {
        if (next) {
          own().changed.wait_until(lock, *next);
        } else {
          own().changed.wait(lock);
        }
        continue;
      }
      auto event = std::move(own().inbox.front());
      own().inbox.pop_front();
      const bool live = settle(event);
      lock.unlock();
      if (live) handle(event);
      event = inproc::frame_event{};  // lets go of its memory
      lock.lock();
    }
  }

  void handle(std::variant<inproc::frame_event, inproc::loss_event>& event) {
    if (auto* frame = std::get_if<inproc::frame_event>(&event))
      return on_frame_(std::move(frame->frame));
    const auto& loss = std::get<inproc::loss_event>(event);
    on_loss_(loss.peer, loss.reason);
  }

  /// Whether the event is of a connection that still is; a loss ends it.
  [[nodiscard]] bool settle(std::variant<inproc::frame_event, inproc::loss_event>& event) {
    auto& links = own().links;
    if (const auto* frame = std::get_if<inproc::frame_event>(&event)) {
      const auto found = links.find(frame->frame.from);
      if (found == links.end() || found->second.number != frame->link) return false;
      ++own().counters.frames_received;
      own().counters.bytes_received += frame->frame.header.size() + frame->frame.payload.size();
      return true;
    }
    const auto& loss = std::get<inproc::loss_event>(event);
    const auto found = links.find(loss.peer);
    if (found == links.end() || found->second.number != loss.link) return false;
    links.erase(found);
    return true;
  }

  peer_id self_;
  std::shared_ptr<inproc::switchboard> board_;
  frame_handler on_frame_;
  loss_handler on_loss_;
  std::jthread thread_;
};

}  // namespace

inproc_hub::inproc_hub(const transport_limits& limits)
    : board_(std::make_shared<inproc::switchboard>(limits)) {}
inproc_hub::~inproc_hub() = default;

result<std::unique_ptr<transport>> inproc_hub::open(peer_id self) {
  const std::lock_guard lock(board_->mutex);
  if (!board_->stations.try_emplace(self).second)
    return fail(errc::already_exists, "peer {:016x} is of this hub already", self);
  return std::make_unique<inproc_transport>(self, board_);
}

}  // namespace troupe
