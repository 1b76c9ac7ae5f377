// Marked prefixes: the cache managers are asked to keep them once they are computed.
#include <algorithm>

#include "cluster/batching/batch_scheduler.hpp"

namespace troupe {

kept_prefixes::limits batch_scheduler::kept_limits(const batch_limits& limits) {
  kept_prefixes::limits out;
  out.page_size = limits.page_size;
  out.least_tokens = limits.least_marked;
  out.pages = limits.reuse_prefixes ? std::uint64_t{limits.pages} * limits.kept_percent / 100 : 0;
  out.lifetime = limits.kept_for;
  return out;
}

void batch_scheduler::keep_marked(sequence& s) {
  if (s.choice != 0) return;
  std::erase_if(s.request->keeping, [&](sequence_id holder) {
    const kept_prefixes::prefix* p = kept_.find(holder);
    if (p != nullptr && p->tokens.size() > s.committed) return false;
    ask_to_keep(holder);
    return true;
  });
}

void batch_scheduler::ask_to_keep(sequence_id holder) {
  const kept_prefixes::prefix* p = kept_.find(holder);
  if (p == nullptr) return;  // it has given way to others already
  pending_.opens.push_back(
      {holder, p->tokens, static_cast<std::uint32_t>(p->tokens.size()), p->space});
}

void batch_scheduler::on_holder(sequence_id holder, std::uint32_t cached) {
  const kept_prefixes::prefix* p = kept_.find(holder);
  if (p != nullptr && cached == p->tokens.size()) return kept_.held(holder);
  // Pages were lost on the way, or the prefix has given way.
  kept_.drop(holder);
  pending_.releases.push_back(holder);
}

}  // namespace troupe
