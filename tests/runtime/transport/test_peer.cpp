#include "tests/runtime/transport/test_peer.hpp"

#include <doctest/doctest.h>

#include <thread>
#include <utility>

namespace troupe::test {

using namespace std::chrono_literals;

test_peer::test_peer(std::unique_ptr<transport> t) : transport_(std::move(t)) {}

void test_peer::start() {
  transport_->start(
      [this](incoming_frame&& frame) {
        if (on_frame) return on_frame(std::move(frame));
        const std::lock_guard lock(mutex_);
        frames_.push_back(std::move(frame));
        changed_.notify_all();
      },
      [this](peer_id peer, const error& reason) {
        if (on_loss) on_loss(peer);
        const std::lock_guard lock(mutex_);
        losses_.push_back({peer, reason});
        changed_.notify_all();
      });
}

bool test_peer::wait_frames(std::size_t count) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, patience, [&] { return frames_.size() >= count; });
}

bool test_peer::wait_losses(std::size_t count) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, patience, [&] { return losses_.size() >= count; });
}

std::vector<incoming_frame> test_peer::take_frames() {
  const std::lock_guard lock(mutex_);
  return std::exchange(frames_, {});
}

std::size_t test_peer::frames() const {
  const std::lock_guard lock(mutex_);
  return frames_.size();
}

std::vector<test_peer::loss> test_peer::losses() const {
  const std::lock_guard lock(mutex_);
  return losses_;
}

bool eventually(const std::function<bool()>& condition) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

void join(test_peer& a, test_peer& b, std::uint64_t nonce) {
  REQUIRE(a.get().connect(b.address(nonce)));
  REQUIRE(b.get().connect(a.address(nonce)));
}

std::vector<std::byte> bytes_of(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::vector<std::byte> pattern(std::size_t size, std::uint64_t seed) {
  std::vector<std::byte> bytes(size);
  std::uint64_t x = seed * 0x9e3779b97f4a7c15U + 1;
  for (std::byte& b : bytes) {
    x = x * 6364136223846793005U + 1442695040888963407U;
    b = static_cast<std::byte>(x >> 56U);
  }
  return bytes;
}

outgoing_frame make_frame(frame_kind kind, std::string_view header,
                          std::vector<std::byte> payload) {
  outgoing_frame frame{kind, bytes_of(header), {}};
  if (payload.empty()) return frame;
  auto owner = std::make_shared<const std::vector<std::byte>>(std::move(payload));
  frame.payload.push_back({*owner, owner});
  return frame;
}

bool send_patiently(transport& t, peer_id to, const outgoing_frame& frame) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (true) {
    auto sent = t.send(to, frame);
    if (sent) return true;
    if (sent.error().code() != errc::exhausted || std::chrono::steady_clock::now() > until)
      return false;
    std::this_thread::yield();
  }
}

}  // namespace troupe::test
