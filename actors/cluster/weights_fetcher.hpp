#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <vector>

#include "actors/cluster/data_port.hpp"
#include "cluster/weights/block_fetch.hpp"
#include "runtime/base/sha256.hpp"
#include "runtime/model/block_store.hpp"

namespace troupe {

/// Gets blocks of the model's files from peers into this node's store. Only what has the digest
/// that the supervisor's process gives for it is taken. Any thread.
class weights_fetcher {
 public:
  /// Bytes that have come, of those that are to come; on the thread that fetches.
  using progress = std::function<void(std::uint64_t got, std::uint64_t wanted)>;

  /// Whom to ask: the supervisor's process, which gives digests and has every block, and peers that
  /// may have blocks and are asked first.
  struct givers {
    peer_id authority = 0;
    std::vector<peer_id> peers;
  };

  /// Takes frames::weights of the port for as long as this lives.
  explicit weights_fetcher(std::shared_ptr<data_port> port);
  weights_fetcher(const weights_fetcher&) = delete;
  weights_fetcher& operator=(const weights_fetcher&) = delete;
  ~weights_fetcher();

  /// Gets the flagged blocks that the store lacks, and returns when they are on its disk. Waits for
  /// a fetch of another thread to end. unavailable: nobody has a block, or the authority is gone;
  /// cancelled: told to stop; either way what came is kept. exhausted: the disk is full; io_error:
  /// then the disk has back what came last.
  [[nodiscard]] result<void> fetch(block_store& store, const std::vector<bool>& wanted,
                                   const givers& from, const std::stop_token& stop = {},
                                   const progress& report = {});
  /// To be told of peers whose connection broke; may be called after this is gone.
  [[nodiscard]] std::function<void(peer_id)> loss_handler() const;

 private:
  struct inbox;
  using digests = std::map<std::uint32_t, sha256_digest>;

  /// Peers that are lost meanwhile are given up in the plan.
  [[nodiscard]] result<digests> fetch_digests(const std::vector<std::uint32_t>& blocks,
                                              peer_id authority, block_fetch& plan,
                                              const std::stop_token& stop);
  [[nodiscard]] result<void> fetch_blocks(block_store& store, block_fetch& plan,
                                          const digests& known, const std::stop_token& stop,
                                          const progress& report);
  /// Bytes that came; none where the frame brings nothing that is wanted.
  [[nodiscard]] static result<std::size_t> take(const incoming_frame& frame, block_store& store,
                                                block_fetch& plan, const digests& known);
  /// not_found: there is no connection to that peer. Where it takes nothing for now, it is as if no
  /// answer came.
  [[nodiscard]] result<void> ask(peer_id to, const std::vector<std::uint32_t>& blocks,
                                 bool for_digests) const;

  std::shared_ptr<data_port> port_;
  std::shared_ptr<inbox> inbox_;
  std::mutex one_at_a_time_;
};

}  // namespace troupe
