#include "runtime/cache/tiered_pages.hpp"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <unordered_set>
#include <utility>

#include "runtime/cache/disk_tier.hpp"
#include "runtime/cache/host_tier.hpp"
#include "runtime/cache/kv_rows.hpp"

namespace troupe {
namespace {

/// Pages that are being copied out at once. Few, as they cannot be evicted meanwhile.
constexpr std::size_t most_copies = 16;
/// Contents that wait for the disk.
constexpr std::size_t most_unwritten_bytes = std::size_t{512} << 20U;
/// For what waits for the disk when the process ends.
constexpr auto last_writes = std::chrono::seconds(5);

class tiered_pages final : public page_tiers {
 public:
  tiered_pages(std::shared_ptr<const kv_store> store, std::size_t host_bytes,
               std::optional<disk_tier> disk, std::shared_ptr<tier_counters> counters)
      : store_(std::move(store)),
        counters_(std::move(counters)),
        host_(host_bytes),
        disk_(std::move(disk)),
        worker_([this](const std::stop_token& stop) { work(stop); }) {}
  tiered_pages(const tiered_pages&) = delete;
  tiered_pages& operator=(const tiered_pages&) = delete;
  ~tiered_pages() override {
    worker_.request_stop();
    wake_.notify_all();
    worker_.join();
  }

  [[nodiscard]] bool has(const block_key& key) const override {
    const std::lock_guard lock(mutex_);
    return host_.has(key) || unwritten_keys_.contains(key) || (disk_ && disk_->has(key));
  }

  [[nodiscard]] bool put(const block_key& key, std::int32_t page) override {
    const std::lock_guard lock(mutex_);
    if (closed_) {
      done_.copied.push_back(page);
      return true;
    }
    if (copies_.size() >= most_copies) return false;
    copies_.emplace_back(key, page);
    wake_.notify_one();
    return true;
  }

  void fetch(std::uint64_t job, request blocks) override {
    const std::lock_guard lock(mutex_);
    if (closed_) return done_.arrived.push_back({job, 0});
    fetches_.push_back({job, std::move(blocks)});
    wake_.notify_one();
  }

  [[nodiscard]] progress poll() override {
    const std::lock_guard lock(mutex_);
    return std::exchange(done_, {});
  }

  void wait(std::chrono::milliseconds longest) override {
    std::unique_lock lock(mutex_);
    told_.wait_for(lock, longest,
                   [this] { return !done_.copied.empty() || !done_.arrived.empty(); });
  }

  void close() override {
    held_lock held(mutex_);
    closed_ = true;
    for (const auto& [key, page] : copies_) done_.copied.push_back(page);
    copies_.clear();
    for (const fetch_job& f : fetches_) done_.arrived.push_back({f.job, 0});
    fetches_.clear();
    unwritten_.clear();
    unwritten_keys_.clear();
    told_.wait(held, [this] { return !touching_; });
  }

 private:
  struct fetch_job {
    std::uint64_t job = 0;
    request blocks;
  };
  struct unwritten {
    block_key key;
    page_bytes contents;
  };
  using held_lock = std::unique_lock<std::mutex>;

  void work(const std::stop_token& stop);
  void fill(held_lock& held);
  void copy_out(held_lock& held);
  void write(held_lock& held);
  [[nodiscard]] bool bring(held_lock& held, const block_key& key, std::int32_t page);
  /// Copies from or to a page, without the lock.
  template <class Copy>
  void touch(held_lock& held, const Copy& copy);

  const std::shared_ptr<const kv_store> store_;
  const std::shared_ptr<tier_counters> counters_;
  mutable std::mutex mutex_;
  std::condition_variable_any wake_;
  std::condition_variable told_;
  host_tier host_;
  std::optional<disk_tier> disk_;  ///< its files are touched without the lock, by the worker alone
  std::deque<fetch_job> fetches_;
  std::deque<std::pair<block_key, std::int32_t>> copies_;
  std::deque<unwritten> unwritten_;
  std::unordered_set<block_key, block_key_hash> unwritten_keys_;
  progress done_;
  bool touching_ = false;  ///< a page is being copied
  bool closed_ = false;
  std::jthread worker_;
};

void tiered_pages::work(const std::stop_token& stop) {
  held_lock held(mutex_);
  std::optional<std::chrono::steady_clock::time_point> until;
  for (;;) {
    const auto busy = [this] {
      return !fetches_.empty() || !copies_.empty() || !unwritten_.empty();
    };
    if (!until) wake_.wait(held, stop, busy);
    if (stop.stop_requested()) {
      if (!until) until = std::chrono::steady_clock::now() + last_writes;
      if (!busy() || std::chrono::steady_clock::now() > *until) return;
    }
    if (!fetches_.empty()) {
      fill(held);
    } else if (!copies_.empty()) {
      copy_out(held);
    } else if (!unwritten_.empty()) {
      write(held);
    }
  }
}

void tiered_pages::fill(held_lock& held) {
  const fetch_job job = std::move(fetches_.front());
  fetches_.pop_front();
  fetched done{job.job, 0};
  while (done.pages < job.blocks.size()) {
    const auto& [key, page] = job.blocks[done.pages];
    if (!bring(held, key, page)) break;
    ++done.pages;
  }
  done_.arrived.push_back(done);
  told_.notify_all();
}

template <class Copy>
void tiered_pages::touch(held_lock& held, const Copy& copy) {
  touching_ = true;
  held.unlock();
  copy();
  held.lock();
  touching_ = false;
  told_.notify_all();
}

/// Fills one page. Lets go of the lock while it reads and copies.
bool tiered_pages::bring(held_lock& held, const block_key& key, std::int32_t page) {
  page_bytes contents = host_.get(key);
  for (auto waits = unwritten_.begin(); !contents && waits != unwritten_.end(); ++waits)
    if (waits->key == key) contents = waits->contents;
  const bool from_disk = contents == nullptr && disk_ && disk_->has(key);
  if (from_disk) {
    held.unlock();
    std::vector<std::byte> read(store_->layout().page_bytes());
    const std::uint64_t rejected = disk_->rejected();
    if (disk_->get(key, read))
      contents = std::make_shared<const std::vector<std::byte>>(std::move(read));
    counters_->rejected_files += disk_->rejected() - rejected;
    held.lock();
  }
  if (contents == nullptr || closed_) return false;
  touch(held, [&] { write_kv_page(*store_, page, contents->data()); });
  ++(from_disk ? counters_->disk_pages : counters_->host_pages);
  host_.put(key, std::move(contents));
  return !closed_;
}

void tiered_pages::copy_out(held_lock& held) {
  const auto [key, page] = copies_.front();
  auto copied = std::make_shared<std::vector<std::byte>>(store_->layout().page_bytes());
  touch(held, [&, at = page] { read_kv_page(*store_, at, copied->data()); });
  if (closed_) return;
  const page_bytes contents = std::move(copied);
  copies_.pop_front();
  done_.copied.push_back(page);
  host_.put(key, contents);
  if (!disk_ || disk_->has(key) || unwritten_keys_.contains(key)) return;
  if ((unwritten_.size() + 1) * contents->size() > most_unwritten_bytes) {
    ++counters_->lost_pages;
    return;
  }
  unwritten_keys_.insert(key);
  unwritten_.push_back({key, contents});
}

void tiered_pages::write(held_lock& held) {
  const unwritten next = unwritten_.front();
  held.unlock();
  const auto done = disk_->put(next.key, *next.contents);
  ++(done ? counters_->written_pages : counters_->lost_pages);
  held.lock();
  if (closed_) return;
  unwritten_.pop_front();
  unwritten_keys_.erase(next.key);
}

}  // namespace

result<std::shared_ptr<page_tiers>> make_tiered_pages(std::shared_ptr<const kv_store> store,
                                                      const tier_settings& settings,
                                                      std::shared_ptr<tier_counters> counters) {
  std::optional<disk_tier> disk;
  if (!settings.folder.empty() && settings.disk_bytes > 0) {
    auto opened = disk_tier::open(
        {settings.folder, settings.identity, store->layout().page_bytes(), settings.disk_bytes});
    if (!opened) return fail(opened.error());
    disk.emplace(std::move(*opened));
  }
  return std::make_shared<tiered_pages>(std::move(store), settings.host_bytes, std::move(disk),
                                        std::move(counters));
}

}  // namespace troupe
