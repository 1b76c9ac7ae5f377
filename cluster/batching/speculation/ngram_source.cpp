#include "cluster/batching/speculation/ngram_source.hpp"

namespace troupe {
namespace {

/// A long agreement is a quotation more likely than a short one.
std::uint32_t strength_of(std::uint32_t agreeing) {
  if (agreeing <= 2) return 0;
  if (agreeing == 3) return 1;
  return agreeing < 8 ? 2 : 3;
}

}  // namespace

void ngram_source::follow(sequence_id id, std::span<const token_id> tokens) {
  indexes_[id].extend(tokens);
}

draft_guess ngram_source::propose(sequence_id id, std::span<const token_id> tokens,
                                  std::uint32_t most) {
  ngram_index& index = indexes_[id];
  index.extend(tokens);
  const auto found = index.find(tokens);
  if (!found) return {};
  return {copy_from(tokens, found->next, most), strength_of(found->length)};
}

}  // namespace troupe
