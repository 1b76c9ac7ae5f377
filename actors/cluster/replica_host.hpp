#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "actors/cluster/data_port.hpp"
#include "runtime/cache/kv_replica.hpp"
#include "runtime/cache/kv_store.hpp"

namespace troupe {

/// A buddy's copy of a stage's keys and values: takes the frames of the primary's log and tells the
/// batcher's process how far it has got. Any thread.
class replica_host {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  replica_host(std::shared_ptr<data_port> port, std::shared_ptr<const kv_store> kv,
               std::uint32_t stage);

  /// Whose log is taken, and whom to tell. A log that goes on under another epoch is the same log.
  void follow(peer_id primary, peer_id batcher, epoch_number epoch, time_point now);
  void take(peer_id from, const kv_record& record, std::span<const std::byte> payload,
            time_point now);
  void take(peer_id from, const kv_snapshot& piece, std::span<const std::byte> payload,
            time_point now);
  /// To be called now and then: asks the primary for a new log where something of this one is
  /// missing, or nothing of it comes; each time that this does not help, later.
  void remind(time_point now);

  /// What the stage goes on with when this becomes it.
  struct heritage {
    std::optional<step_id> applied;  ///< nullopt: it is not whole, everything must be replayed
    std::vector<std::pair<sequence_id, std::vector<std::int32_t>>> tables;
    std::vector<bool> written;
  };
  /// Takes no more frames.
  [[nodiscard]] heritage end();

 private:
  template <class Header>
  void take_in(peer_id from, const Header& header, std::span<const std::byte> payload,
               time_point now);
  void tell();

  std::shared_ptr<data_port> port_;
  std::shared_ptr<const kv_store> kv_;
  std::uint32_t stage_;
  std::mutex mutex_;
  kv_replica replica_;
  peer_id primary_ = 0;
  peer_id batcher_ = 0;
  epoch_number epoch_ = 0;
  bool ended_ = false;
  bool gap_ = false;
  time_point moved_;  ///< a frame fitted, or the primary was asked
  std::chrono::milliseconds patience_;
};

}  // namespace troupe
