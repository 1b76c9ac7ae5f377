#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/api/generation.hpp"
#include "runtime/cache/kv_manager.hpp"
#include "runtime/engine/step.hpp"
#include "runtime/sampling/token_guide.hpp"

namespace troupe {

/// Where a sequence stands in the batcher.
enum class sequence_state : std::uint8_t {
  waiting,  ///< no pages; queued, new or preempted
  opening,  ///< asked the cache managers for its prefix
  running,  ///< has pages; takes part in steps
  leaving,  ///< finished or cancelled; its pages go back once no step uses it
};

/// What all choices of one request share.
struct request_record {
  request_id id = 0;
  std::shared_ptr<const generation_request> asked;
  std::shared_ptr<const sampling_params> sampling;
  std::shared_ptr<const compiled_structure> structure;  ///< of the guide; null: it holds to nothing
  std::chrono::steady_clock::time_point arrived;
  std::chrono::steady_clock::time_point started;      ///< first admitted
  std::chrono::steady_clock::time_point first_token;  ///< or end of scoring
  std::vector<sequence_id> sequences;
  std::vector<token_logprob> prompt_scores;
  std::uint32_t open_choices = 0;
  std::uint32_t completion_tokens = 0;
  std::uint32_t cached_tokens = 0;
  std::uint32_t created_tokens = 0;
  std::vector<sequence_id> keeping;  ///< marked prefixes that are still to be made, by holder
  bool marked = false;               ///< its marks have been looked at
  bool scores_told = false;          ///< in an earlier life
  bool cached_known = false;         ///< cached_tokens is what counts, whatever is found later
  bool has_started = false;
  bool has_token = false;
  bool prefix_ready = false;  ///< the first choice's prompt is computed: the others may reuse it
};

/// How far a sequence was computed when a step had given its result.
struct checkpoint {
  step_id step = 0;
  std::uint32_t computed = 0;
};

/// One choice of one request.
struct sequence {
  /// What stages and cache managers call it. A new one each time it loses its pages, so that
  /// nothing that somebody still keeps of the former ones is taken for them.
  sequence_id id = 0;
  /// Its first id, which never changes. Arrival: smaller is older, and is preempted last.
  sequence_id order = 0;
  request_record* request = nullptr;
  std::uint32_t choice = 0;
  sequence_state state = sequence_state::waiting;
  std::vector<token_id> tokens;        ///< prompt, then what was drawn
  std::unique_ptr<token_guide> guide;  ///< null where nothing holds the choice
  std::uint32_t computed = 0;          ///< positions whose KV is written
  std::uint32_t committed = 0;         ///< positions the prefix index knows
  std::uint32_t granted = 0;           ///< positions that have pages
  std::uint32_t in_flight = 0;         ///< steps under way that use it (0 or 1)
  /// Where a failure may send it back to, oldest first: the last durable one and those after it.
  std::vector<checkpoint> reached;

  [[nodiscard]] std::uint32_t prompt_length() const {
    return static_cast<std::uint32_t>(request->asked->prompt.size());
  }
  [[nodiscard]] std::uint32_t length() const { return static_cast<std::uint32_t>(tokens.size()); }
  [[nodiscard]] std::uint32_t drawn() const { return length() - prompt_length(); }
  /// Rows still to compute before the next token can be drawn; 1 while decoding.
  [[nodiscard]] std::uint32_t remaining() const { return length() - computed; }
};

}  // namespace troupe
