#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <variant>
#include <vector>

#include "cluster/batching/cache_request.hpp"
#include "cluster/batching/kept_prefixes.hpp"
#include "cluster/batching/sequence.hpp"
#include "cluster/batching/speculation/speculator.hpp"
#include "runtime/base/result.hpp"
#include "runtime/engine/step.hpp"

namespace troupe {

struct batch_limits {
  std::uint32_t step_rows = 256;      ///< token budget of a step
  std::uint32_t prefill_chunk = 256;  ///< most prompt rows of one sequence in a step
  /// Most prompt rows of a step that also decodes, so that a prompt does not stall the others.
  std::uint32_t prefill_beside = 256;
  /// Positions whose attention costs as much as the rest of a row: far into a long prompt, a step
  /// that also decodes takes fewer of its rows. 0: attention costs nothing.
  std::uint32_t attention_positions = 0;
  std::uint32_t max_sequences = 64;  ///< sequences with pages at once
  std::uint32_t max_waiting = 1024;  ///< sequences queued
  std::uint32_t page_size = 16;
  std::uint32_t pages = 0;      ///< KV pages of the group (the least of its stages)
  std::uint32_t context = 0;    ///< most positions of a sequence
  std::uint32_t in_flight = 1;  ///< steps under way at once, over sequences of their own
  bool reuse_prefixes = true;
  std::uint32_t least_cached = 0;  ///< fewer cached positions of a request are not told as cached
  std::uint32_t least_marked = 1024;   ///< shorter marked prefixes are not kept
  std::uint32_t kept_percent = 50;     ///< of the pages, for marked prefixes; 0: none are kept
  std::chrono::seconds kept_for{300};  ///< a marked prefix, from its last use
  /// What a step computed may be lost until on_durable() names it.
  bool replicated = false;
  speculation_limits speculation;  ///< counts only where there is a draft_source
};

/// Decides what runs next: which sequences have pages, which rows make up a step, who is preempted.
///
/// Continuous batching: sequences join and leave at every step. Decode rows come first, then chunks
/// of prompts, oldest first, up to the token budget. When pages run out the youngest sequence gives
/// its pages back and starts again later from its known tokens; the answer is the same, as a row's
/// result depends on that row alone. With a draft_source, steps also compute guessed tokens: a
/// guess counts only where it equals the token that was drawn, and what was computed past a wrong
/// one is written over later. A plain value of time and answers: no clock, threads or actors.
///
/// A failure opens a new epoch: sequences go back to what all stages still have and are computed
/// again from there, over the tokens that are known. A token that was drawn stays drawn.
class batch_scheduler {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  /// Without `drafts` no token is guessed, unless the limits say that a drafter is to be asked.
  batch_scheduler(const batch_limits& limits, epoch_number epoch,
                  std::unique_ptr<draft_source> drafts = nullptr);

  /// Queues a request. One that resumes an answer goes on behind what was drawn: news of it begins
  /// there. `structure` is that of its guide, compiled. Fails with exhausted (queue full),
  /// out_of_range (can never fit), already_exists, invalid_argument (no prompt, no choices, a guide
  /// without its structure, or what was drawn is not of such a request).
  [[nodiscard]] result<void> add(request_id id, std::shared_ptr<const generation_request> asked,
                                 time_point now,
                                 std::shared_ptr<const compiled_structure> structure = nullptr);
  /// Drops a request: no more news of it; its pages go back once no step uses them. Unknown:
  /// ignored.
  void cancel(request_id id);
  /// Every step up to this one is durable: each stage that has a complete replica has it there,
  /// without a gap. Counts only where limits.replicated is set; where no stage has a replica, the
  /// steps that gave their result count as durable, as a loss then costs all anyway. Late,
  /// repeated and impossible ones are ignored. Call next() afterwards.
  void on_durable(step_id step);
  /// Ends the epoch, at once and in any state: steps under way, questions to cache managers and
  /// drafters come to nothing, and their answers are ignored when they come. Every sequence goes
  /// back to what was computed when step `kept` had given its result: the last one whose rows, and
  /// those of all before it, every stage of the new epoch has (a replica that becomes its stage:
  /// the last one it applied); nullopt: there is none. kept may be past what is durable, as
  /// replicas of the stages that go on may still be behind. The next cache_request reconciles the
  /// managers; nothing is composed before its answer.
  /// `limits` may change with the epoch, but for page_size and speculation. Returns the requests
  /// that can never fit the new ones: they are gone, and their askers have to be told; an answer
  /// that has begun goes on as far as it fits and then ends with finish_reason::error. Ignored if
  /// `epoch` is not newer.
  [[nodiscard]] std::vector<request_id> begin_epoch(
      epoch_number epoch, std::optional<step_id> kept,
      const std::optional<batch_limits>& limits = std::nullopt);

  struct idle {};
  using action = std::variant<idle, cache_request, draft_ask, std::shared_ptr<const step_plan>>;
  /// What to do next: ask the cache managers or the drafter, run a step, or wait for an answer or a
  /// request.
  [[nodiscard]] action next(time_point now);
  /// Works out and publishes the masks of the step that next() has just given, where it has any.
  /// Nothing is drawn before that; it may be called when the step is on its way already.
  void fill_masks(const step_plan& plan);
  /// The merged answer to the last cache_request; another's is ignored.
  void on_cache(const cache_reply& reply);
  /// The drafter's answer to the last draft_ask; nullopt when it failed or gave none in time.
  void on_drafts(const std::optional<draft_reply>& reply, time_point now);
  /// A step's result; returns the news it brings. One of a step that is not under way, or that does
  /// not fit its plan, is ignored.
  [[nodiscard]] std::vector<request_news> on_step(const step_result& result, time_point now);

  /// Whether pages are on their way from a tier: next() wants to be called again soon.
  [[nodiscard]] bool fetching() const { return !fetching_.empty(); }

  [[nodiscard]] std::size_t running() const { return running_.size(); }
  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }
  /// When the oldest request came of which nothing has been begun; none: all have.
  [[nodiscard]] std::optional<time_point> waiting_since() const;
  [[nodiscard]] std::size_t requests() const { return requests_.size(); }
  [[nodiscard]] std::uint64_t preemptions() const { return preemptions_; }
  [[nodiscard]] std::uint32_t available_pages() const { return available_pages_; }
  [[nodiscard]] std::size_t steps_under_way() const { return flights_.size(); }
  [[nodiscard]] epoch_number epoch() const { return epoch_; }
  [[nodiscard]] const batch_limits& limits() const { return limits_; }
  [[nodiscard]] speculation_counts speculation() const {
    return speculator_ ? speculator_->counts() : speculation_counts{};
  }

 private:
  using sequence_ptr = std::unique_ptr<sequence>;

  /// What a step computes of one sequence: known tokens, then guessed ones.
  struct row_choice {
    sequence* of = nullptr;
    std::uint32_t known = 0;
    std::span<const token_id> guessed;
    [[nodiscard]] std::uint32_t rows() const {
      return known + static_cast<std::uint32_t>(guessed.size());
    }
  };
  /// A step under way.
  struct flight {
    std::shared_ptr<const step_plan> plan;
    std::vector<std::uint32_t> known;  ///< by run: rows of known tokens
    time_point since;
    bool only_decodes = false;
  };
  /// A sequence that ended before its last step was durable: it keeps its pages until then, so that
  /// its text can be found, unless somebody needs them sooner.
  struct parted {
    step_id step = 0;
    cache_request::commit commit;
    std::vector<sequence_id> keeping;  ///< of request_record
  };

  // admission
  [[nodiscard]] result<void> check(request_id id, const generation_request& asked) const;
  void queue_choice(request_record& r, std::uint32_t choice, std::vector<token_id> drawn);
  void admit(time_point now);
  [[nodiscard]] bool fits(const sequence& s) const;
  [[nodiscard]] std::size_t most_running() const;
  /// Most positions that a sequence can have.
  [[nodiscard]] std::uint64_t most_positions() const;
  /// Pages that running sequences will need.
  [[nodiscard]] std::uint64_t spoken_for() const;
  [[nodiscard]] std::uint32_t pages_for(std::uint32_t positions) const;
  [[nodiscard]] std::uint32_t whole_pages(std::uint32_t positions) const;
  [[nodiscard]] cache_request ask(cache_request request);
  void on_opened(sequence_id id, std::uint32_t cached, std::uint32_t at_most, bool uneven);
  void on_arrived(const cache_reply& reply);
  void count_cached(sequence& s, std::uint32_t cached);
  void make_room();
  // marked prefixes
  [[nodiscard]] static kept_prefixes::limits kept_limits(const batch_limits& limits);
  /// Asks for the request's marked prefixes, as far as this sequence has committed them.
  void keep_marked(sequence& s);
  void ask_to_keep(sequence_id holder);
  void on_holder(sequence_id holder, std::uint32_t cached);
  // composing
  /// A step's part of `count` sequences, where several steps are under way at once.
  [[nodiscard]] std::size_t share(std::size_t count) const;
  [[nodiscard]] std::size_t decoding() const;
  [[nodiscard]] std::vector<row_choice> decoding_rows() const;
  /// What the speculator is told of rows that decode.
  [[nodiscard]] std::vector<speculator::decoding> batch_of(
      const std::vector<row_choice>& rows) const;
  void add_prompts(std::vector<row_choice>& rows) const;
  /// Of `most` rows of a prompt beside decodes, those that cost no more than `budget` rows at its
  /// beginning, or a few.
  [[nodiscard]] std::uint32_t affordable(const sequence& s, std::uint32_t most,
                                         std::uint32_t budget) const;
  [[nodiscard]] std::uint32_t room_for_guesses(const sequence& s) const;
  [[nodiscard]] bool reserve(const std::vector<row_choice>& rows);
  /// Leaves out what would need more pages.
  void keep_granted(std::vector<row_choice>& rows) const;
  /// While a step is under way: asks for the page that a sequence's next token will need.
  void reserve_ahead();
  [[nodiscard]] std::shared_ptr<const step_plan> compose(const std::vector<row_choice>& rows,
                                                         time_point now);
  void add_scores(const row_choice& row, std::uint32_t run, step_plan& plan) const;
  void add_samples(const row_choice& row, std::uint32_t run, step_plan& plan) const;
  void add_masks(step_plan& plan) const;
  // results
  void advance(sequence& s, std::uint32_t rows);
  void take_samples(const flight& step, const step_result& result, std::vector<sequence*>& alive,
                    std::map<request_id, request_news>& news, time_point now);
  void draw(sequence& s, const sampled_token& drawn, request_news& news);
  void finish(sequence& s, step_id step, request_news& news, time_point now);
  // durability
  /// Step `step` brought the sequence to where it is.
  void settle(sequence& s, step_id step);
  void settle_durable(sequence& s);
  [[nodiscard]] step_id durable_step() const;
  /// Positions that no failure takes away.
  [[nodiscard]] std::uint32_t durable(const sequence& s) const;
  void commit(sequence& s);
  void part(sequence& s);
  bool release_parted();
  // a new epoch
  void take_limits(const batch_limits& limits);
  void roll_back(sequence& s, std::optional<step_id> kept);
  [[nodiscard]] bool prefix_is_ready(const request_record& r) const;
  [[nodiscard]] std::vector<request_id> drop_what_cannot_fit();
  [[nodiscard]] bool reconciling() const { return reconcile_ || (asking_ && asked_.reconcile); }
  [[nodiscard]] cache_request reconcile_request() const;
  void on_reconciled(const cache_reply& reply);
  // leaving
  void preempt(sequence& s);
  /// Back to those that wait, without pages and under a new id.
  void queue_again(sequence& s);
  void give_back(sequence& s);
  void retire(sequence_id id);

  batch_limits limits_;
  epoch_number epoch_;
  std::map<request_id, std::unique_ptr<request_record>> requests_;
  std::unordered_map<sequence_id, sequence_ptr> sequences_;
  std::deque<sequence*> waiting_;                ///< in order of arrival
  std::vector<sequence*> running_;               ///< opening and running, in order of arrival
  std::unordered_map<step_id, flight> flights_;  ///< steps under way
  std::deque<parted> parted_;
  std::optional<speculator> speculator_;
  kept_prefixes kept_;
  std::vector<sequence_id> fetching_;  ///< their pages are on their way from a tier
  time_point look_again_;              ///< when the managers are to be asked about them
  time_point now_;                     ///< of the last next()

  cache_request pending_;  ///< gathered since the last one was sent
  cache_request asked_;    ///< sent and not yet answered
  bool asking_ = false;
  bool reconcile_ = false;  ///< the managers have not been told of the epoch
  bool overtaken_ = false;  ///< a step went before what is pending
  bool starved_ = false;    ///< pages were refused, and none comes back before a step's result
  bool drafting_ = false;   ///< a drafter was asked and has not answered
  time_point drafting_since_;
  std::uint32_t available_pages_;
  sequence_id next_sequence_ = 1;
  std::uint64_t asks_ = 0;
  step_id next_step_ = 1;
  step_id durable_step_ = 0;  ///< as on_durable() said; 0: none
  std::uint64_t preemptions_ = 0;
};

}  // namespace troupe
