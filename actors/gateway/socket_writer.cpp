#include "actors/gateway/socket_writer.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <utility>

namespace troupe::gateway {
namespace {
/// A buffer that grew past this for one large answer is not kept for the next small ones.
constexpr std::size_t kept_capacity = 256U << 10U;
}  // namespace

socket_writer::socket_writer(client_stream& stream, std::chrono::milliseconds timeout,
                             std::function<void(bool)> done)
    : stream_(stream), timeout_(timeout), done_(std::move(done)), stalled_(stream.get_executor()) {}

void socket_writer::send(const std::shared_ptr<void>& owner, std::string_view bytes) {
  if (abandoned_) return;
  waiting_ += bytes;
  if (scheduled_) return;
  scheduled_ = true;
  // Sent at the end of this turn, so that a head and its body leave in one packet.
  boost::asio::post(stream_.get_executor(), [this, owner] { flush(owner); });
}

void socket_writer::abandon() {
  abandoned_ = true;
  waiting_.clear();
  stalled_.cancel();
}

void socket_writer::flush(const std::shared_ptr<void>& owner) {
  if (abandoned_) return;
  if (waiting_.empty()) {
    scheduled_ = false;
    done_(true);
    return;
  }
  std::swap(waiting_, moving_);
  moved_ = 0;
  write(owner);
}

void socket_writer::write(const std::shared_ptr<void>& owner) {
  stalled_.arm(timeout_, [this] {
    abandon();
    done_(false);
  });
  stream_.write_some(boost::asio::buffer(moving_.data() + moved_, moving_.size() - moved_),
                     [this, owner](const boost::system::error_code& failed, std::size_t count) {
                       if (abandoned_) return;
                       stalled_.cancel();
                       if (failed) {
                         abandon();
                         done_(false);
                         return;
                       }
                       moved_ += count;
                       if (moved_ < moving_.size()) return write(owner);
                       moved_ = 0;
                       moving_.clear();
                       if (moving_.capacity() > kept_capacity) moving_ = std::string();
                       flush(owner);
                     });
}

}  // namespace troupe::gateway
