#pragma once

#include <cstdint>
#include <vector>

#include "runtime/base/token.hpp"
#include "runtime/cache/kv_manager.hpp"

namespace troupe {

/// What a batcher asks of a drafter: what may follow the texts that it is about to continue.
struct draft_ask {
  struct text {
    sequence_id id = 0;
    std::vector<token_id> tokens;
    std::uint32_t count = 0;  ///< tokens to guess
    cache_space space = 0;    ///< of the request
  };
  std::vector<text> texts;
  std::vector<sequence_id> ended;  ///< sequences of earlier asks that will not come again
};

/// The answer: a guess for some of the texts, in any order; none where the drafter has not caught
/// up.
struct draft_reply {
  struct guess {
    sequence_id id = 0;
    std::uint32_t length = 0;  ///< of the text it follows
    std::vector<token_id> tokens;
  };
  std::vector<guess> guesses;
};

}  // namespace troupe
