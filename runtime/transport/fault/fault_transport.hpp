#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <unordered_set>

#include "runtime/transport/fault/fault_rules.hpp"
#include "runtime/transport/transport.hpp"

namespace troupe {

/// Any transport, with faults on purpose: frames to peers are dropped, delayed, duplicated and
/// reordered by rules and a seed, and peers are cut off and joined again. It has no clock and no
/// thread: delayed frames go when advance() says that their time has come.
class fault_transport final : public transport {
 public:
  using clock = std::chrono::steady_clock;

  /// `now` is when time begins for it.
  fault_transport(std::unique_ptr<transport> inner, std::uint64_t seed, clock::time_point now = {});

  /// Rules apply to frames sent from now on; those on their way keep their fate.
  void add(const fault_rule& rule);
  void clear_rules();

  /// Cuts a peer off, as a link that is down: frames to it and from it vanish and nobody is told.
  /// Frames that wait here for their time are lost too.
  void sever(peer_id peer);
  void heal(peer_id peer);
  /// Ends a connection, if there is one, as if it had broken: the other end finds it gone, and this
  /// end's loss handler is called on the calling thread, never beside another handler. Not from a
  /// handler.
  void break_connection(peer_id peer);

  /// Sends what is due at `now`, in the order of its time. Time does not go back.
  void advance(clock::time_point now);
  /// Sends what was held back to be overtaken and has not been yet.
  void release();
  /// Frames that wait for their time or to be overtaken.
  [[nodiscard]] std::size_t held() const;
  /// Frames that a rule or a cut has taken.
  [[nodiscard]] std::uint64_t dropped() const;

  [[nodiscard]] peer_id self() const override { return inner_->self(); }
  [[nodiscard]] std::vector<std::byte> address() const override { return inner_->address(); }
  void start(frame_handler on_frame, loss_handler on_loss) override;
  [[nodiscard]] result<void> connect(const peer_address& peer) override;
  void disconnect(peer_id peer) override;
  /// A frame that is held answers as if it had been sent; if the inner transport does not take it
  /// later, it is lost. At most `most_held` frames wait for one peer: exhausted.
  [[nodiscard]] result<void> send(peer_id to, outgoing_frame frame) override;
  [[nodiscard]] transport_counters counters() const override { return inner_->counters(); }

  static constexpr std::size_t most_held = 65536;

 private:
  struct late_frame {
    clock::time_point due;
    outgoing_frame frame;
  };
  struct overtaken_frame {
    std::uint32_t left = 0;  ///< frames that still go before it
    outgoing_frame frame;
  };
  /// The way to one peer.
  struct lane {
    std::deque<late_frame> late;  ///< by `due`: a lane keeps its order
    std::deque<overtaken_frame> overtaken;
  };

  [[nodiscard]] result<void> delay(peer_id to, lane& l, const frame_fate& fate,
                                   outgoing_frame frame);
  [[nodiscard]] result<void> pass(peer_id to, lane& l, outgoing_frame frame);

  mutable std::mutex mutex_;  ///< of all that follows
  fault_rules rules_;
  clock::time_point now_;
  std::unordered_map<peer_id, lane> lanes_;
  std::unordered_set<peer_id> severed_;
  std::unordered_set<peer_id> connected_;
  std::uint64_t dropped_ = 0;

  std::mutex handling_;  ///< handlers one at a time
  loss_handler on_loss_;
  std::unique_ptr<transport> inner_;  ///< the last one: its thread ends before what it uses goes
};

}  // namespace troupe
