#include "actors/cluster/door_watch.hpp"

#include <boost/asio/buffer.hpp>

namespace troupe {

bool door_watch::still_open() {
  if (!held_) return false;
  // What is said there is of no interest, but must not fill the buffer: behind it lies the end.
  char said[512];
  boost::system::error_code failed;
  while (held_->read_some(boost::asio::buffer(said), failed) > 0) {
  }
  return failed == boost::asio::error::would_block || failed == boost::asio::error::try_again;
}

bool door_watch::refused(const std::string& address, std::chrono::milliseconds limit) {
  if (address == address_ && still_open()) return false;
  address_ = address;
  held_.reset();
  const auto at = parse_join_address(address);
  if (!at) return false;
  held_.emplace(io_);
  const door found = open_door(io_, *held_, *at, limit);
  if (found == door::open) {
    boost::system::error_code ignored;
    held_->non_blocking(true, ignored);
    return false;
  }
  held_.reset();
  return found == door::refused;
}

}  // namespace troupe
