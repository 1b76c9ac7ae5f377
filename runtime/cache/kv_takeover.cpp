// After a failure: a manager's sequences come to where their batcher knows them to be.
#include <algorithm>
#include <unordered_set>

#include "runtime/cache/kv_manager.hpp"

namespace troupe {

result<void> kv_manager::adopt(sequence_id id, std::span<const std::int32_t> pages) {
  if (sequences_.contains(id)) return fail(errc::already_exists, "sequence {} is open already", id);
  std::unordered_set<std::int32_t> seen;
  for (const std::int32_t page : pages) {
    if (!pool_.contains(page)) {
      return fail(errc::out_of_range, "sequence {}: there is no KV page {}, only {} of them", id,
                  page, pool_.total());
    }
    if (!seen.insert(page).second)
      return fail(errc::invalid_argument, "sequence {} has KV page {} twice", id, page);
  }
  sequence& s = sequences_[id];
  s.pages.assign(pages.begin(), pages.end());
  for (const std::int32_t page : pages) pool_.claim(page);
  s.shared = std::make_shared<const std::vector<std::int32_t>>(s.pages);
  return {};
}

std::vector<std::uint32_t> kv_manager::reconcile(std::span<const kv_standing> standings) {
  std::unordered_set<sequence_id> listed;
  for (const kv_standing& each : standings) listed.insert(each.sequence);
  for (const sequence_id id : open_ids())
    if (!listed.contains(id)) release(id);
  // Those it has come first: what they commit may be the prefix of one that it lacks.
  std::vector<std::uint32_t> held(standings.size(), 0);
  std::vector<std::size_t> lacking;
  for (std::size_t i = 0; i < standings.size(); ++i) {
    const auto known = sequences_.find(standings[i].sequence);
    if (known == sequences_.end()) {
      lacking.push_back(i);
    } else {
      held[i] = settle(known->second, standings[i]);
    }
  }
  for (const std::size_t i : lacking)
    held[i] =
        open(standings[i].sequence, standings[i].tokens, standings[i].positions, standings[i].space)
            .value_or(0);
  return held;
}

std::uint32_t kv_manager::settle(sequence& s, const kv_standing& standing) {
  const std::uint32_t size = settings_.page_size;
  s.job = 0;  // what it brings is not waited for
  if (s.chain.empty()) s.space = standing.space;
  const std::uint32_t positions =
      std::min(standing.positions, static_cast<std::uint32_t>(standing.tokens.size()));
  drop_pages(s, (std::size_t{positions} + size - 1) / size);
  std::uint32_t held = std::min(positions, static_cast<std::uint32_t>(s.pages.size()) * size);
  std::uint32_t full = held / size;
  // The next rows are written into a page that is partly filled: it must be nobody else's.
  if (held % size != 0 && (pool_.users(s.pages.back()) > 1 || index_.holds(s.pages.back()))) {
    drop_pages(s, full);
    held = full * size;
  }
  if (!settings_.reuse_prefixes) return held;
  full = std::min(full, standing.committed / size);
  cut_chain(s, full);
  const std::size_t from = s.chain.size() * size;
  commit_blocks(s, std::span(standing.tokens).subspan(from, std::size_t{full} * size - from));
  return held;
}

void kv_manager::close_all() {
  for (const sequence_id id : open_ids()) release(id);
}

std::vector<bool> kv_manager::known_pages() const {
  std::vector<bool> known(pool_.total());
  for (std::uint32_t page = 0; page < pool_.total(); ++page)
    known[page] = index_.holds(static_cast<std::int32_t>(page));
  return known;
}

std::vector<sequence_id> kv_manager::open_ids() const {
  std::vector<sequence_id> ids;
  ids.reserve(sequences_.size());
  for (const auto& [id, s] : sequences_) ids.push_back(id);
  return ids;
}

}  // namespace troupe
