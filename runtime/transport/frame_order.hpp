#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

#include "runtime/transport/transport.hpp"

namespace troupe {

/// Puts one peer's frames into the order they were sent in: a large one is announced before its
/// bytes are there, and smaller ones overtake it meanwhile.
class frame_order {
 public:
  explicit frame_order(std::size_t most) : most_(most) {}

  /// A frame of that number has begun to arrive. False if its number came before or lies further
  /// ahead than frames can be on their way.
  [[nodiscard]] bool begin(std::uint64_t sequence) {
    if (sequence < next_ || sequence - next_ >= most_) return false;
    const auto at = static_cast<std::size_t>(sequence - next_);
    if (at >= places_.size()) places_.resize(at + 1);
    return !std::exchange(places_[at].begun, true);
  }
  /// The frame is there; begin() has returned true for its number.
  void complete(std::uint64_t sequence, incoming_frame frame) {
    places_.at(static_cast<std::size_t>(sequence - next_)).frame = std::move(frame);
  }
  /// The next frame in order, if it is there.
  [[nodiscard]] std::optional<incoming_frame> next() {
    if (places_.empty() || !places_.front().frame) return std::nullopt;
    std::optional<incoming_frame> frame = std::move(places_.front().frame);
    places_.pop_front();
    ++next_;
    return frame;
  }

 private:
  struct place {
    bool begun = false;
    std::optional<incoming_frame> frame;
  };
  std::size_t most_;
  std::uint64_t next_ = 0;
  std::deque<place> places_;
};

}  // namespace troupe
