#pragma once

#include <map>
#include <optional>
#include <span>
#include <vector>

#include "cluster/batching/batch_scheduler.hpp"

namespace troupe::test {

/// What the askers of requests were told. Fails the test if anything comes twice, out of order or
/// to nobody.
struct answer_log {
  struct answer {
    std::map<std::uint32_t, std::vector<token_id>> tokens;  ///< by choice
    std::map<std::uint32_t, finish_reason> ends;
    std::vector<token_logprob> scores;
    std::optional<generation_summary> summary;
  };
  std::map<request_id, answer> all;

  [[nodiscard]] const answer& at(request_id id) const { return all.at(id); }

  void take(std::span<const request_news> news);
  /// The request ended, and its answer is what it would have been alone.
  void require_whole(request_id id, const generation_request& asked) const;
};

}  // namespace troupe::test
