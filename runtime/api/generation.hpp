#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/base/token.hpp"
#include "runtime/sampling/forcing.hpp"
#include "runtime/sampling/guide_rule.hpp"
#include "runtime/sampling/params.hpp"

namespace troupe {

using request_id = std::uint64_t;

enum class finish_reason : std::uint8_t { none, stop, length, cancelled, error };

/// One token's log-probability, and the best alternatives in descending order.
struct token_logprob {
  float logprob = 0;
  std::vector<std::pair<token_id, float>> top;
  friend bool operator==(const token_logprob&, const token_logprob&) = default;
};

/// One drawn token of one choice. The last event of a choice carries why it ended.
struct token_event {
  std::uint32_t choice = 0;
  std::uint32_t index = 0;  ///< 0, 1, 2 ... within the choice: a gap or a repeat is a defect
  token_id token = -1;      ///< -1 where the event only carries the end (max_tokens 0, cancelled)
  token_logprob logprob;    ///< filled when the request asked
  finish_reason finish = finish_reason::none;
  friend bool operator==(const token_event&, const token_event&) = default;
};

/// How far an answer had come when those who drew it were lost. Tokens are a function of the
/// request and of the tokens before them, so drawing goes on behind these as if nothing had
/// happened.
struct answer_progress {
  std::vector<token_event> events;             ///< in the order in which they came
  std::vector<token_logprob> prompt_scores;    ///< empty: not scored yet, or not asked for
  std::optional<std::uint32_t> cached_tokens;  ///< as they were counted then; none: not known yet
  std::uint32_t created_tokens = 0;            ///< the same, known with cached_tokens
  friend bool operator==(const answer_progress&, const answer_progress&) = default;
};

/// The HTTP request behind a request: all that another gateway needs to go on with the answer where
/// this one cannot.
struct answer_origin {
  std::string name;           ///< the response's id
  std::uint8_t protocol = 0;  ///< which of the API's endpoints; the API's numbering
  std::int64_t created = 0;   ///< seconds since 1970, as the answer says
  std::string body;           ///< as the client sent it
  friend bool operator==(const answer_origin&, const answer_origin&) = default;
};

/// One prompt to continue, as the engine sees it: tokens in, tokens out.
struct generation_request {
  std::vector<token_id> prompt;
  sampling_params sampling;
  std::uint32_t max_tokens = 0;  ///< most tokens to draw for each choice; 0 only scores the prompt
  std::uint32_t choices = 1;     ///< n independent continuations
  std::vector<token_id>
      stop_tokens;  ///< a drawn one ends its choice (finish_reason::stop) and is reported;
                    ///< the model's own end tokens are among them, where wanted
  bool ignore_eos = false;
  /// Score every prompt token too (echo with logprobs), with sampling.top_logprobs alternatives.
  bool prompt_logprobs = false;
  std::uint32_t min_tokens = 0;
  forcing_rule forcing;   ///< of every choice
  guide_rule guide;       ///< of every choice
  bool speculate = true;  ///< draw guessed tokens early, where the engine does; changes no answer
  std::uint64_t account = 0;  ///< whose it is: places are shared out fairly between accounts
  std::uint8_t rank = 1;      ///< 0 goes before 1, and 1 before 2
  /// Whose prefixes it may find in the cache, and who may find its own.
  std::uint64_t cache_space = 0;
  /// Lengths of the prompt's beginnings that are to be kept for a while, ascending. With any of
  /// them only what was kept so counts as cached.
  std::vector<std::uint32_t> cache_marks;
  std::shared_ptr<const answer_progress> resumes;  ///< null: nothing was drawn before
  std::shared_ptr<const answer_origin> origin;     ///< null: nobody else may go on with it
};

/// Why a choice that has drawn these tokens has ended: by a stop token, by its length, or not yet.
[[nodiscard]] inline finish_reason ending_of(const generation_request& asked,
                                             std::span<const token_id> drawn) {
  const bool stops = !drawn.empty() &&
                     std::ranges::find(asked.stop_tokens, drawn.back()) != asked.stop_tokens.end();
  if (stops && drawn.size() > asked.min_tokens) return finish_reason::stop;
  return drawn.size() >= asked.max_tokens ? finish_reason::length : finish_reason::none;
}

/// What a request cost and how it went, sent once after its last token.
struct generation_summary {
  std::uint32_t prompt_tokens = 0;
  std::uint32_t completion_tokens = 0;  ///< over all choices
  std::uint32_t cached_tokens = 0;      ///< prompt tokens whose KV was found in the prefix cache
  std::uint32_t created_tokens = 0;     ///< prompt tokens that cache_marks had kept anew
  double queue_seconds = 0;
  double prefill_seconds = 0;
  double decode_seconds = 0;
  friend bool operator==(const generation_summary&, const generation_summary&) = default;
};

/// News for a front end about one request, in order.
struct request_news {
  request_id request = 0;
  std::vector<token_event> tokens;
  std::vector<token_logprob>
      prompt_scores;  ///< once, with or before the first token, when asked for
  /// Once, with or before the first token: prompt tokens that were found in the prefix cache.
  std::optional<std::uint32_t> cached_tokens;
  std::uint32_t created_tokens = 0;           ///< with cached_tokens: those that are kept anew
  std::optional<generation_summary> summary;  ///< set with the last news
};

/// Receives one request's answer. Called in order, from one thread at a time, never again after
/// on_done or on_error; must not block.
class generation_listener {
 public:
  virtual ~generation_listener() = default;
  /// Log-probabilities of prompt tokens 1 .. n-1, when asked for; before the first token.
  virtual void on_prompt_scored(std::span<const token_logprob> logprobs) { (void)logprobs; }
  /// Prompt tokens that were found in the prefix cache; with or before the first token, more than
  /// once where another worker has gone on with the request.
  virtual void on_prompt_cached(std::uint32_t tokens) { (void)tokens; }
  /// Prompt tokens that are kept anew, as they were marked; likewise, where there are any.
  virtual void on_prompt_kept(std::uint32_t tokens) { (void)tokens; }
  virtual void on_tokens(std::span<const token_event> events) = 0;
  virtual void on_done(const generation_summary& summary) = 0;
  virtual void on_error(const error& e) = 0;
};

/// Load as the engine sees it, for /metrics and `troupe status`.
struct engine_stats {
  std::uint64_t requests_running = 0;
  std::uint64_t requests_waiting = 0;
  double kv_usage = 0;  ///< share of KV pages in use by running sequences, 0 .. 1
  std::uint64_t kv_pages_total = 0;
  std::uint64_t kv_pages_cached = 0;  ///< held only by the prefix index
  std::uint64_t prefix_queries = 0;   ///< prompt tokens looked up
  std::uint64_t prefix_hits = 0;      ///< prompt tokens found
  std::uint64_t preemptions = 0;
  std::uint64_t steps = 0;
  std::uint64_t prompt_tokens = 0;
  std::uint64_t generation_tokens = 0;
  std::uint64_t drafted_tokens = 0;   ///< guessed tokens that were computed
  std::uint64_t accepted_tokens = 0;  ///< of them, those that were right
  double step_seconds = 0;            ///< total time of steps on the device
  double host_seconds = 0;            ///< total time that actors spent on those steps
};

/// Where front ends (HTTP, `run`, `chat`, `bench`) hand their requests in.
class generation_service {
 public:
  virtual ~generation_service() = default;
  /// Any thread. Fails at once with exhausted when the queue is full, out_of_range when prompt and
  /// max_tokens cannot fit the context, unavailable when shutting down.
  [[nodiscard]] virtual result<request_id> submit(
      generation_request request, std::shared_ptr<generation_listener> listener) = 0;
  /// Any thread. The listener may still get a call that is under way, then none. Unknown ids are
  /// ignored.
  virtual void cancel(request_id id) = 0;
  [[nodiscard]] virtual engine_stats stats() const = 0;
};

}  // namespace troupe
