#include "runtime/engine/team/team_memory.hpp"

#include <map>
#include <mutex>
#include <shared_mutex>
#include <utility>

namespace troupe {

struct team_memory::table {
  mutable std::shared_mutex lock;
  std::map<const std::byte*, const std::vector<device_buffer>*> buffers;  ///< by rank 0's address

  /// The copies of the buffer that has `at`; null for none. Under the lock.
  [[nodiscard]] const std::vector<device_buffer>* with(const std::byte* at) const {
    const auto after = buffers.upper_bound(at);
    if (after == buffers.begin()) return nullptr;
    const std::vector<device_buffer>* found = std::prev(after)->second;
    const device_buffer& first = found->front();
    return at < first.data() + first.bytes() ? found : nullptr;
  }
};

/// Keeps a buffer's copies, and takes them out of the table before they are freed.
struct team_memory::owned {
  owned(std::shared_ptr<table> in, std::vector<device_buffer> of)
      : known(std::move(in)), copies(std::move(of)) {
    const std::unique_lock guard(known->lock);
    known->buffers.emplace(copies.front().data(), &copies);
  }
  owned(const owned&) = delete;
  owned& operator=(const owned&) = delete;
  ~owned() {
    const std::unique_lock guard(known->lock);
    known->buffers.erase(copies.front().data());
  }

  std::shared_ptr<table> known;
  std::vector<device_buffer> copies;
};

team_memory::team_memory() : table_(std::make_shared<table>()) {}
team_memory::~team_memory() = default;

device_buffer team_memory::adopt(std::vector<device_buffer> copies) {
  auto keeper = std::make_shared<const owned>(table_, std::move(copies));
  const device_buffer& first = keeper->copies.front();
  return {first.data(), first.bytes(), std::move(keeper)};
}

bool team_memory::has(const void* at) const {
  const std::shared_lock guard(table_->lock);
  return table_->with(static_cast<const std::byte*>(at)) != nullptr;
}

std::byte* team_memory::find(const void* at, std::uint32_t rank) const {
  const auto* const place = static_cast<const std::byte*>(at);
  const std::shared_lock guard(table_->lock);
  const std::vector<device_buffer>* copies = table_->with(place);
  // Memory of others is borrowed as it was given: whoever asks says whether it may be written.
  if (copies == nullptr) return const_cast<std::byte*>(place);
  return (*copies)[rank].data() + (place - copies->front().data());
}

}  // namespace troupe
