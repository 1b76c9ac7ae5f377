#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "runtime/transport/ucx/port.hpp"

namespace troupe::ucx {

/// The way to one peer: sends messages in order, in pieces where the port sends no other (its
/// most_piece_bytes()), and keeps what finds no room. Used by the port's thread; the port outlives
/// it.
class outbound {
 public:
  /// Leads nowhere.
  outbound() = default;
  outbound(port& through, endpoint to) : port_(&through), to_(std::move(to)) {}

  /// What the port's on_broken() names.
  [[nodiscard]] const void* key() const { return to_.get(); }

  /// Sends it now or keeps it for resume(); what is kept is for the sender to bound, by credits. A
  /// message past a piece must begin with a message_head. An error is the connection's end.
  [[nodiscard]] result<void> send(parcel p);
  /// Goes on with what was kept, to be called after the port has made progress; false if nothing
  /// left.
  [[nodiscard]] result<bool> resume();
  [[nodiscard]] bool waiting() const { return !kept_.empty(); }

 private:
  /// A place within a parcel's parts, of which the last is its tail.
  struct cursor {
    std::size_t part = 0;
    std::size_t offset = 0;
  };
  struct piece {
    std::vector<std::byte> head;      ///< empty: the parcel's own
    std::span<const std::byte> data;  ///< of the parcel or of gathered_
    cursor end;
    bool last = false;
  };
  [[nodiscard]] piece cut();
  [[nodiscard]] std::span<const std::byte> part(std::size_t index) const;

  port* port_ = nullptr;
  endpoint to_;
  std::deque<parcel> kept_;
  // Of the first one kept:
  cursor at_;
  std::size_t sent_ = 0;
  std::optional<piece> next_;
  std::vector<std::byte> gathered_;
};

}  // namespace troupe::ucx
