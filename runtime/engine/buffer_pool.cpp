#include "runtime/engine/buffer_pool.hpp"

#include <new>
#include <utility>

namespace troupe {

std::unique_ptr<device_buffer> buffer_pool::shelf::get() {
  const std::lock_guard lock(mutex_);
  if (unused_.empty()) return nullptr;
  std::unique_ptr<device_buffer> piece = std::move(unused_.back());
  unused_.pop_back();
  return piece;
}

void buffer_pool::shelf::put_back(std::unique_ptr<device_buffer> piece) {
  const std::lock_guard lock(mutex_);
  if (unused_.size() < keep_) unused_.push_back(std::move(piece));
}

result<std::shared_ptr<device_buffer>> buffer_pool::take() {
  std::unique_ptr<device_buffer> piece = shelf_->get();
  if (piece == nullptr) {
    try {
      piece = std::make_unique<device_buffer>(where_ == place::shared
                                                  ? device_.allocate_shared(piece_bytes_)
                                                  : device_.allocate(piece_bytes_));
    } catch (const std::bad_alloc&) {
      return fail(errc::out_of_memory, "no {} bytes for a message between experts", piece_bytes_);
    }
  }
  const auto back_on = [shelf = shelf_](device_buffer* p) {
    shelf->put_back(std::unique_ptr<device_buffer>(p));
  };
  return std::shared_ptr<device_buffer>(piece.release(), back_on);
}

}  // namespace troupe
