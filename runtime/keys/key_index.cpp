#include "runtime/keys/key_index.hpp"

#include <algorithm>
#include <utility>

#include "runtime/keys/api_key.hpp"

namespace troupe {

void key_index::update(std::span<const key_record> records, time now) {
  const std::lock_guard lock(mutex_);
  std::unordered_map<std::string, std::shared_ptr<live_key>> next;
  for (const key_record& r : records) {
    if (r.revoked) continue;
    const auto known = by_hash_.extract(r.hash);
    if (known) {
      known.mapped()->update(r, now);
      next.emplace(r.hash, known.mapped());
    } else {
      next.emplace(r.hash, std::make_shared<live_key>(r, now));
    }
  }
  // Requests under way still settle with keys that are no longer in force.
  for (auto& [hash, key] : by_hash_) leaving_.push_back(std::move(key));
  by_hash_ = std::move(next);
  confirmed_ = now;
  read_ = true;
}

void key_index::confirm(time now) {
  const std::lock_guard lock(mutex_);
  confirmed_ = now;
}

result<std::shared_ptr<live_key>> key_index::find(std::string_view presented, time now,
                                                  std::int64_t unix_now) const {
  // Outside the lock: it costs more than the look-up.
  const std::string hash = hash_of_key(presented);
  const std::lock_guard lock(mutex_);
  return in_force(by_hash_.find(hash), now, unix_now);
}

result<std::shared_ptr<live_key>> key_index::find(std::int64_t id, time now,
                                                  std::int64_t unix_now) const {
  const std::lock_guard lock(mutex_);
  const auto has_id = [id](const auto& entry) { return entry.second->id() == id; };
  return in_force(std::find_if(by_hash_.begin(), by_hash_.end(), has_id), now, unix_now);
}

result<std::shared_ptr<live_key>> key_index::in_force(keys::const_iterator found, time now,
                                                      std::int64_t unix_now) const {
  if (!read_ || now - confirmed_ > most_stale_)
    return fail(errc::unavailable, "the keys cannot be read at the moment; try again");
  if (found == by_hash_.end()) return fail(errc::not_found, "this API key is not valid");
  const auto expires = found->second->expires();
  if (expires && *expires <= unix_now) return fail(errc::not_found, "this API key has expired");
  return found->second;
}

bool key_index::in_use() const {
  const std::lock_guard lock(mutex_);
  const auto held = [](const std::shared_ptr<live_key>& key) { return key.use_count() > 1; };
  return std::any_of(leaving_.begin(), leaving_.end(), held) ||
         std::any_of(by_hash_.begin(), by_hash_.end(),
                     [&](const auto& entry) { return held(entry.second); });
}

std::vector<std::shared_ptr<live_key>> key_index::all() {
  const std::lock_guard lock(mutex_);
  // One holder besides this list: a request that will still settle.
  std::erase_if(leaving_, [](const std::shared_ptr<live_key>& key) {
    return key.use_count() == 1 && key->unsaved() == 0 && key->unsaved_money().sum == amount();
  });
  std::vector<std::shared_ptr<live_key>> out = leaving_;
  for (const auto& [hash, key] : by_hash_) out.push_back(key);
  return out;
}

}  // namespace troupe
