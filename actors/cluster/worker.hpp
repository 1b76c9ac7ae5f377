#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <stop_token>
#include <vector>

#include "actors/cluster/control.hpp"
#include "actors/cluster/expert_doors.hpp"
#include "actors/cluster/hosted_experts.hpp"
#include "actors/cluster/hosted_stage.hpp"
#include "actors/cluster/stage_doors.hpp"
#include "actors/cluster/weights_fetcher.hpp"
#include "actors/cluster/worker_runtime.hpp"
#include "cluster/expert_duties.hpp"

namespace troupe {

/// What a worker is born with.
struct worker_wiring {
  node_resources node;
  std::shared_ptr<data_port> port;
  std::shared_ptr<stage_doors> doors;
  std::shared_ptr<expert_doors> expert_entries;
  std::shared_ptr<std::atomic<worker_runtime::end>> ended;
  std::shared_ptr<node_store> store;         ///< gets what is held here when the worker ends
  std::shared_ptr<weights_fetcher> weights;  ///< gets what the model's files lack
  weights_desk_actor desk;                   ///< hears how that goes on; null: nobody does
};

/// A node's part in the cluster: holds the stages and the sets of experts it is ordered to hold.
class worker_state {
 public:
  static inline const char* name = "worker";

  worker_state() = default;
  worker_state(const worker_state&) = delete;
  worker_state& operator=(const worker_state&) = delete;
  ~worker_state();

  void start(worker_actor::pointer self, worker_wiring wiring);
  /// Answered at once, or once the weights that the orders need have come from peers.
  [[nodiscard]] caf::result<orders_done> on_orders(const node_orders& orders);
  void on_leave();
  void pump();

 private:
  /// Loads the stage if it is not here.
  hosted_stage& hold(const hosted_stage::surroundings& around, const stage_order& order);
  hosted_experts& hold(const hosted_stage::surroundings& around,
                       const std::vector<expert_range>& owned);
  void load(const hosted_stage::surroundings& around, const node_orders& orders,
            const expert_duties& duties);
  /// Lets go of what the orders do not name.
  void drop_others(const node_orders& orders, const expert_duties& duties);
  /// Begins to serve the experts that are here.
  [[nodiscard]] hosted_stage::experts open(const hosted_stage::surroundings& around,
                                           const expert_duties& duties,
                                           expert_doors::openings& entries);
  /// Flags of the blocks that the orders need of the model's files; empty where the files are whole
  /// or hold all of it.
  [[nodiscard]] std::vector<bool> lacking(const node_orders& orders) const;
  /// Carries out the orders once the flagged blocks are here, and goes on with others meanwhile.
  [[nodiscard]] caf::result<orders_done> obey_with(std::vector<bool> wanted,
                                                   const node_orders& orders);
  [[nodiscard]] orders_done carry_out(const node_orders& orders);
  /// Returns why it could not.
  [[nodiscard]] std::string obey(const node_orders& orders, orders_done& done);

  worker_actor::pointer self_ = nullptr;
  worker_wiring wiring_;
  epoch_number epoch_ = 0;
  std::stop_source fetching_;                                      ///< what the latest orders need
  std::map<std::uint32_t, std::unique_ptr<hosted_stage>> stages_;  ///< by first layer
  std::vector<std::unique_ptr<hosted_experts>> experts_;           ///< apart from any stage
};

worker_actor::behavior_type worker(worker_actor::stateful_pointer<worker_state> self,
                                   const std::shared_ptr<worker_wiring>& wiring);

}  // namespace troupe
