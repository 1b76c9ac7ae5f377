#include "runtime/keys/key_ring.hpp"

#include <condition_variable>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace troupe {
namespace {

/// For so long requests may still settle after the end.
constexpr std::chrono::milliseconds last_words{500};

std::int64_t unix_time() {
  using namespace std::chrono;
  return duration_cast<seconds>(system_clock::now().time_since_epoch()).count();
}

}  // namespace

result<std::unique_ptr<key_ring>> key_ring::open(const std::filesystem::path& path,
                                                 key_ring_settings settings) {
  auto store = key_store::open(path, key_store::missing_file::refuse);
  if (!store) return fail(std::move(store.error()));
  std::unique_ptr<key_ring> ring(new key_ring(std::move(*store), std::move(settings)));
  if (auto read = ring->refresh(); !read) return fail(read.error());
  ring->thread_ = std::jthread([r = ring.get()](const std::stop_token& stop) { r->follow(stop); });
  return ring;
}

key_ring::key_ring(key_store store, key_ring_settings settings)
    : settings_(std::move(settings)), index_(settings_.most_stale), store_(std::move(store)) {}

result<std::shared_ptr<live_key>> key_ring::find(std::string_view presented) const {
  return index_.find(presented, std::chrono::steady_clock::now(), unix_time());
}

result<std::shared_ptr<live_key>> key_ring::find(std::int64_t id) const {
  return index_.find(id, std::chrono::steady_clock::now(), unix_time());
}

std::vector<key_taken> key_ring::taken() {
  std::vector<key_taken> out;
  for (const auto& key : index_.all())
    if (const key_taken t = key->taken(); t.requests != 0 || t.tokens != 0) out.push_back(t);
  return out;
}

void key_ring::add(std::span<const key_taken> by_others, live_key::time now) {
  std::unordered_map<std::uint64_t, std::shared_ptr<live_key>> keys;
  for (auto& key : index_.all()) keys.emplace(key->cache_space(), std::move(key));
  for (const key_taken& t : by_others)
    if (const auto found = keys.find(t.key); found != keys.end()) found->second->charge(t, now);
}

void key_ring::divide(std::uint32_t among) {
  among_ = among;
  for (const auto& key : index_.all()) key->divide(among);
}

void key_ring::follow(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::string said;
  while (!stop.stop_requested()) {
    {
      std::unique_lock lock(mutex);
      never.wait_for(lock, stop, settings_.refresh, [] { return false; });
    }
    auto done = save();
    if (done) done = refresh();
    const std::string now = done ? std::string() : done.error().message();
    if (now != said && settings_.warn)
      settings_.warn(done ? "the file of keys can be used again" : now);
    said = now;
  }
  // What has just been answered may be settled a moment later.
  const auto until = std::chrono::steady_clock::now() + last_words;
  while (index_.in_use() && std::chrono::steady_clock::now() < until)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  (void)save();
}

result<void> key_ring::refresh() {
  const auto now = std::chrono::steady_clock::now();
  const auto version = store_.version();
  if (!version) return fail(version.error());
  if (*version == version_) {
    index_.confirm(now);
    return {};
  }
  const auto records = store_.list();
  if (!records) return fail(records.error());
  index_.update(*records, now);
  for (const auto& key : index_.all()) key->divide(among_);
  version_ = *version;
  return {};
}

result<void> key_ring::save() {
  const auto keys = index_.all();
  std::vector<key_spending> spent;
  std::vector<live_key*> of;
  for (const auto& key : keys) {
    const std::uint64_t tokens = key->unsaved();
    const money_spent money = key->unsaved_money();
    if (tokens == 0 && money.sum == amount()) continue;
    spent.push_back({key->id(), tokens, money});
    of.push_back(key.get());
  }
  if (auto done = store_.spend(spent); !done) return done;
  for (std::size_t i = 0; i < of.size(); ++i) of[i]->saved(spent[i].tokens, spent[i].money);
  return {};
}

}  // namespace troupe
