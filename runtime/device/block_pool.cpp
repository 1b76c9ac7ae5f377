#include "runtime/device/block_pool.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

namespace troupe {
namespace {

constexpr std::size_t least_bytes = 4096;
constexpr std::uint32_t size_classes = 40;

std::size_t bytes_of(std::uint32_t size_class) { return least_bytes << size_class; }

}  // namespace

struct block_pool::lease::shared_state {
  source from;
  std::size_t most_bytes = 0;
  mutable std::mutex lock;
  std::size_t held = 0;
  std::array<std::vector<std::byte*>, size_classes> kept;

  ~shared_state() { give_back_kept(); }

  void give_back_kept() {
    for (std::uint32_t c = 0; c < size_classes; ++c) {
      for (std::byte* each : kept[c]) from.give_back(each);
      held -= kept[c].size() * bytes_of(c);
      kept[c].clear();
    }
  }
};

block_pool::block_pool(source from, std::size_t most_bytes)
    : state_(std::make_shared<lease::shared_state>()) {
  state_->from = std::move(from);
  state_->most_bytes = most_bytes;
}

block_pool::lease block_pool::lend(std::size_t bytes) {
  lease out;
  // Above it there is no power of two.
  constexpr std::size_t most_rounded = ~(~std::size_t{0} >> 1U);
  if (bytes > state_->most_bytes || bytes > most_rounded) return {};
  const std::size_t whole = std::bit_ceil(std::max(bytes, least_bytes));
  out.size_class_ = static_cast<std::uint32_t>(std::countr_zero(whole / least_bytes));
  if (whole > state_->most_bytes || out.size_class_ >= size_classes) return {};
  const std::scoped_lock guard(state_->lock);
  auto& kept = state_->kept[out.size_class_];
  if (!kept.empty()) {
    out.data_ = kept.back();
    kept.pop_back();
  } else {
    if (state_->held + whole > state_->most_bytes) state_->give_back_kept();
    if (state_->held + whole > state_->most_bytes) return {};
    out.data_ = state_->from.get(whole);
    if (out.data_ == nullptr) {
      state_->give_back_kept();
      out.data_ = state_->from.get(whole);
    }
    if (out.data_ == nullptr) return {};
    state_->held += whole;
  }
  out.owner_ = state_;
  return out;
}

std::size_t block_pool::held() const {
  const std::scoped_lock guard(state_->lock);
  return state_->held;
}

block_pool::lease::lease(lease&& other) noexcept
    : owner_(std::move(other.owner_)),
      data_(std::exchange(other.data_, nullptr)),
      size_class_(other.size_class_) {}

block_pool::lease& block_pool::lease::operator=(lease&& other) noexcept {
  std::swap(owner_, other.owner_);
  std::swap(data_, other.data_);
  std::swap(size_class_, other.size_class_);
  return *this;
}

block_pool::lease::~lease() {
  if (data_ == nullptr) return;
  const std::scoped_lock guard(owner_->lock);
  owner_->kept[size_class_].push_back(data_);
}

}  // namespace troupe
