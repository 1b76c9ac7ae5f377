#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "cluster/batching/batch_scheduler.hpp"
#include "tests/cluster/batching/answer_log.hpp"
#include "tests/cluster/batching/simulated_stage.hpp"

namespace troupe::test {

/// A pipeline of stages, each with a buddy that follows its log, and the scheduler that drives
/// them. Every message takes its time; those of one connection come in order, acknowledgements in
/// any. Steps get lost, results and acknowledgements come twice or late, processes die. All by
/// chance, from one seed.
class simulated_cluster {
 public:
  struct settings {
    batch_limits limits;
    std::uint32_t stages = 2;
    std::uint32_t seed = 0;
    bool buddies = true;
    bool lose_steps = false;
    std::uint32_t buddy_delay = 20;  ///< most time of a record on its way to a buddy
    std::uint32_t least_pages = 0;   ///< of a stage that is placed anew; 0: limits.pages
    bool change_limits = false;      ///< with every epoch
  };
  explicit simulated_cluster(const settings& s, std::unique_ptr<draft_source> drafts = nullptr);

  result<void> add(request_id id, generation_request request);
  void cancel(request_id id);
  /// The next event; false when there is none.
  bool step();
  /// Until nothing is under way any more and every buddy has caught up.
  void run();
  void kill_primary(std::uint32_t stage);
  void kill_buddy(std::uint32_t stage);
  /// Opens a new epoch now, with new stages for dead ones.
  void recover();
  /// Nothing is open and no page in use on any stage.
  void require_empty() const;

  answer_log answers;
  batch_scheduler scheduler;
  /// Stands for a drafter. Null where none is asked.
  std::function<std::optional<draft_reply>(const draft_ask&)> drafter;

  struct counts {
    std::size_t steps = 0;
    std::size_t promoted = 0;
    std::size_t placed_anew = 0;
    std::size_t unreconciled = 0;  ///< epochs that ended before their reconcile was answered
    std::size_t late_results = 0;  ///< of an epoch that was over
    std::size_t lost_steps = 0;
    std::size_t most_under_way = 0;
    std::size_t rows = 0;
  } counted;
  std::vector<std::vector<std::size_t>> step_shapes;  ///< rows of each run of each step

 private:
  struct buddy {
    std::uint64_t id = 0;
    bool alive = true;
    stage_replica replica;
  };
  struct node {
    std::uint64_t id = 0;
    bool alive = true;
    simulated_stage stage;
    std::shared_ptr<buddy> follower;
  };
  using route = std::vector<std::shared_ptr<node>>;
  struct event {
    std::uint64_t at = 0;
    std::uint64_t order = 0;
    std::function<void()> what;
    bool operator>(const event& other) const {
      return std::pair(at, order) > std::pair(other.at, other.order);
    }
  };
  using plan_ptr = std::shared_ptr<const step_plan>;

  [[nodiscard]] std::uint32_t chance(std::uint32_t below) { return random_() % below; }
  [[nodiscard]] batch_scheduler::time_point now() const;
  void after(std::uint64_t delay, std::function<void()> what);
  /// Like after(), but never before what was sent earlier from `from` to `to`.
  void send(std::uint64_t from, std::uint64_t to, std::uint64_t delay, std::function<void()> what);

  // the coordinator
  void pump();
  void begin_step(const plan_ptr& plan);
  void ask_managers(const cache_request& request);
  void ask_drafter(const draft_ask& ask);
  void on_result(const step_result& result);
  void on_durable(std::uint32_t stage, const std::shared_ptr<buddy>& from, step_id step);
  void suspect();
  [[nodiscard]] std::shared_ptr<node> replace(std::uint32_t stage, std::optional<step_id>& kept);
  // the stages
  void deliver(const std::shared_ptr<const route>& way, std::uint32_t stage, const plan_ptr& plan,
               const simulated_stage::rows& hidden);
  void run_stage(const std::shared_ptr<const route>& way, std::uint32_t stage);
  void require_durable(const node& n, const cache_request& request, const cache_reply& reply) const;
  void finish_step(const node& last, const plan_ptr& plan, const simulated_stage::rows& read);
  void log(std::uint32_t stage, const std::shared_ptr<node>& from, const stage_record& record);
  void find_buddy(std::uint32_t stage);

  settings settings_;
  std::mt19937 random_;
  epoch_number epoch_ = 3;
  std::uint64_t time_ = 0;
  std::uint64_t next_event_ = 0;
  std::uint64_t next_id_ = 1;  ///< 0 is the coordinator
  std::priority_queue<event, std::vector<event>, std::greater<>> events_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::uint64_t> arrivals_;
  std::shared_ptr<const route> stages_;
  std::vector<step_id> durable_;  ///< by stage: as its buddy said
  std::map<step_id, std::set<sequence_id>> under_way_;
  step_id last_result_ = 0;
  std::uint64_t asked_ = 0;  ///< number of the open question to the managers
  bool reconciling_ = false;
  std::vector<cache_reply> replies_;
};

}  // namespace troupe::test
