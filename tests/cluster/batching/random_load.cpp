#include "tests/cluster/batching/random_load.hpp"

#include <utility>

#include "tests/cluster/batching/test_drafts.hpp"

namespace troupe::test {

batch_limits random_limits(std::mt19937& random) {
  batch_limits limits;
  limits.page_size = 4;
  limits.step_rows = 2 + random() % 30;
  limits.prefill_chunk = 1 + random() % 20;
  limits.max_sequences = 1 + random() % 6;
  limits.max_waiting = 100;
  limits.pages = 20 + random() % 30;
  limits.context = 76;
  limits.reuse_prefixes = random() % 4 != 0;
  limits.speculation.max_draft = 1 + random() % 10;
  limits.speculation.rows = 1 + random() % 30;
  return limits;
}

generation_request random_request(std::mt19937& random) {
  generation_request r;
  const auto shared = random() % 3;
  const auto length = 1 + random() % 40;
  for (std::size_t i = 0; i < length; ++i) {
    r.prompt.push_back(static_cast<token_id>(i < 24 ? shared : random() % 5));
  }
  r.max_tokens = random() % 30;
  r.choices = 1 + random() % 3;
  r.prompt_logprobs = random() % 5 == 0;
  if (random() % 3 == 0) r.stop_tokens = {static_cast<token_id>(random() % 50)};
  if (random() % 3 == 0)
    r.forcing = {-1, 60, static_cast<std::uint32_t>(random() % 12), {60, 61, 62}};
  return r;
}

void add_marks(generation_request& r, std::mt19937& random) {
  r.cache_space = random() % 2;
  for (std::uint32_t at = 0; at + 1 < r.prompt.size() && random() % 2 == 0;) {
    at += 1 + static_cast<std::uint32_t>(random() % (r.prompt.size() - at));
    r.cache_marks.push_back(at);
  }
}

std::unique_ptr<draft_source> drafts_for(std::uint32_t seed) {
  if (seed % 2 == 0) return nullptr;
  if (seed % 4 == 1) return std::make_unique<wild_drafts>(seed);
  return std::make_unique<oracle_drafts>(seed % 5);
}

std::function<std::optional<draft_reply>(const draft_ask&)> wild_drafter(std::uint32_t seed) {
  auto wild = std::make_shared<wild_drafts>(seed);
  return [wild,
          random = std::mt19937(seed)](const draft_ask& ask) mutable -> std::optional<draft_reply> {
    if (random() % 50 == 0) return std::nullopt;
    draft_reply reply;
    for (const draft_ask::text& text : ask.texts) {
      reply.guesses.push_back({text.id, static_cast<std::uint32_t>(text.tokens.size()),
                               wild->propose(text.id, text.tokens, text.count).tokens});
    }
    return reply;
  };
}

}  // namespace troupe::test
