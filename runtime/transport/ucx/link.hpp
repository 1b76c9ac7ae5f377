#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "runtime/transport/credits.hpp"
#include "runtime/transport/frame_order.hpp"
#include "runtime/transport/keepalive.hpp"
#include "runtime/transport/ucx/mailbox.hpp"
#include "runtime/transport/ucx/messages.hpp"
#include "runtime/transport/ucx/outbound.hpp"

namespace troupe::ucx {

using clock = std::chrono::steady_clock;

/// A peer that was introduced. Only the progress thread touches it.
struct link {
  link(peer_id self, std::shared_ptr<outbox> b, const peer_address& to, std::uint64_t drawn,
       const ucx_settings& settings, frame_totals window, const std::shared_ptr<doorbell>& bell,
       clock::time_point now)
      : box(std::move(b)),
        nonce(to.nonce),
        address(to.address),
        dials_first(self < to.peer),
        version(to.protocol == 0 ? settings.wire_version : static_cast<std::uint16_t>(to.protocol)),
        session(drawn),
        deadline(now + settings.limits.connect_deadline),
        life(settings.keepalive_interval, settings.keepalive_deadline, now),
        arriving(window),
        ledger(std::make_shared<credit_ledger>(window,
                                               [bell] {
                                                 bell->credits_due.store(true);
                                                 bell->wake.wake();
                                               })),
        order(static_cast<std::size_t>(window.frames) + 1) {}

  std::shared_ptr<outbox> box;
  std::uint64_t nonce;
  std::vector<std::byte> address;   ///< of the peer's port
  bool dials_first;                 ///< the other end waits for the hello of this one
  std::uint16_t version;            ///< of the data plane, that control has had both agree on
  std::uint64_t session;            ///< on every message to this end
  std::uint64_t peer_session = 0;   ///< on every message from it
  bool open = false;                ///< the peer has greeted
  std::optional<greeting> greeted;  ///< by whom it is to be opened, outside UCX's callbacks
  clock::time_point deadline;       ///< for that
  clock::time_point next_hello;
  bool peer_gone = false;  ///< the other end has given this connection up
  outbound way;
  std::optional<error> refusal;  ///< why it will not open, once the peer could hear of it
  std::optional<error> failure;  ///< why it is over, until that is reported
  keepalive life;

  std::deque<outgoing_frame> queue;  ///< what waits for credits, bounded by the box
  std::uint64_t next_sequence = 0;
  credit_window outgoing;

  credit_window arriving;
  std::shared_ptr<credit_ledger> ledger;
  frame_order order;
  /// The frame whose rest is still to come.
  struct partial {
    std::uint64_t sequence = 0;
    incoming_frame frame;
    std::span<std::byte> memory;  ///< the frame owns it
    std::size_t filled = 0;
  };
  std::optional<partial> begun;
  bool ready = false;  ///< listed for having frames to hand over
};

/// A greeting from somebody whom control may yet introduce.
struct early_greeting {
  greeting hello;
  clock::time_point deadline;
};

}  // namespace troupe::ucx
