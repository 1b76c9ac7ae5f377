#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/transport/limits.hpp"
#include "runtime/transport/transport.hpp"

namespace troupe::test {

/// How long tests wait for what must happen.
inline constexpr std::chrono::seconds patience{60};

/// A transport and what happened to it.
class test_peer {
 public:
  struct loss {
    peer_id peer;
    error reason;
  };

  explicit test_peer(std::unique_ptr<transport> t);
  test_peer(const test_peer&) = delete;
  test_peer& operator=(const test_peer&) = delete;

  /// To be set before start(): called with each frame instead of keeping it.
  std::function<void(incoming_frame&&)> on_frame;
  std::function<void(peer_id)> on_loss;
  void start();

  [[nodiscard]] transport& get() const { return *transport_; }
  [[nodiscard]] peer_id self() const { return transport_->self(); }
  [[nodiscard]] peer_address address(std::uint64_t nonce) const {
    return {self(), transport_->address(), nonce};
  }

  /// Waits until that many frames are here; false if they do not come in time.
  [[nodiscard]] bool wait_frames(std::size_t count);
  [[nodiscard]] bool wait_losses(std::size_t count);
  /// Hands out what has come so far.
  [[nodiscard]] std::vector<incoming_frame> take_frames();
  [[nodiscard]] std::size_t frames() const;
  [[nodiscard]] std::vector<loss> losses() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<incoming_frame> frames_;
  std::vector<loss> losses_;
  std::unique_ptr<transport> transport_;
};

/// Polls until the condition holds or patience ends.
[[nodiscard]] bool eventually(const std::function<bool()>& condition);

/// Introduces two peers to each other.
void join(test_peer& a, test_peer& b, std::uint64_t nonce = 7);

[[nodiscard]] std::vector<std::byte> bytes_of(std::string_view text);
[[nodiscard]] std::string text_of(std::span<const std::byte> bytes);
/// Bytes that follow from the seed.
[[nodiscard]] std::vector<std::byte> pattern(std::size_t size, std::uint64_t seed);
/// A frame whose payload is one part that it owns.
[[nodiscard]] outgoing_frame make_frame(frame_kind kind, std::string_view header,
                                        std::vector<std::byte> payload = {});
/// Sends, again and again while the peer takes no more.
[[nodiscard]] bool send_patiently(transport& t, peer_id to, const outgoing_frame& frame);

}  // namespace troupe::test
