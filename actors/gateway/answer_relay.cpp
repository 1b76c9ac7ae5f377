#include "actors/gateway/answer_relay.hpp"

#include <boost/asio/post.hpp>
#include <utility>

namespace troupe::gateway {

answer_relay::answer_relay(std::weak_ptr<boost::asio::io_context> io,
                           std::weak_ptr<connection> client, std::size_t limit)
    : io_(std::move(io)), client_(std::move(client)), limit_(limit) {}

void answer_relay::begin(int status, std::string_view content_type) {
  std::unique_lock lock(mutex_);
  if (state_ != state::open) return;
  head_.status = status;
  head_.content_type = content_type;
  stream_ = content_type == "text/event-stream";
  if (!stream_) return;
  parcel_.begins = true;
  schedule(std::move(lock));
}

bool answer_relay::write(std::string bytes) {
  std::unique_lock lock(mutex_);
  if (state_ != state::open) return false;
  if (!stream_) {
    if (head_.body.empty()) {
      head_.body = std::move(bytes);
    } else {
      head_.body += bytes;
    }
    return true;
  }
  const bool fits = parcel_.frames.size() < limit_;
  if (fits) {
    parcel_.frames += bytes;
  } else {
    parcel_.overflows = true;
    state_ = state::abandoned;
  }
  schedule(std::move(lock));
  return fits;
}

void answer_relay::end(std::string last) {
  std::unique_lock lock(mutex_);
  if (state_ != state::open) return;
  state_ = state::ended;
  parcel_.ends = true;
  if (stream_) {
    parcel_.frames += last;
  } else {
    head_.body += last;
    append_headers(head_);
    parcel_.whole = std::move(head_);
  }
  schedule(std::move(lock));
}

void answer_relay::fail(const api_error& error) {
  std::unique_lock lock(mutex_);
  if (state_ != state::open) return;
  state_ = state::ended;
  parcel_.ends = true;
  parcel_.whole = refusal(error);
  append_headers(*parcel_.whole);
  schedule(std::move(lock));
}

void answer_relay::add_headers(header_list more) {
  const std::scoped_lock lock(mutex_);
  headers_ = std::move(more);
}

bool answer_relay::wanted() {
  const std::scoped_lock lock(mutex_);
  return state_ == state::open;
}

void answer_relay::attach(std::shared_ptr<completion_session> session) {
  std::unique_lock lock(mutex_);
  if (state_ == state::open) {
    session_ = std::move(session);
    return;
  }
  const bool too_late = state_ == state::abandoned;
  lock.unlock();
  if (too_late && session) session->cancel();
}

void answer_relay::abandon() {
  std::unique_lock lock(mutex_);
  state_ = state::abandoned;
  const std::shared_ptr<completion_session> session = std::exchange(session_, nullptr);
  lock.unlock();
  if (session) session->cancel();
}

void answer_relay::append_headers(answer& to) const {
  to.headers.insert(to.headers.end(), headers_.begin(), headers_.end());
}

void answer_relay::schedule(std::unique_lock<std::mutex> lock) {
  if (std::exchange(scheduled_, true)) return;
  lock.unlock();
  if (const auto io = io_.lock())
    boost::asio::post(*io, [self = shared_from_this()] { self->deliver(); });
}

void answer_relay::deliver() {
  std::unique_lock lock(mutex_);
  scheduled_ = false;
  const header_list headers = parcel_.begins ? headers_ : header_list();
  const parcel taken = std::exchange(parcel_, {});
  // Given up outside the lock: its last holder may be here.
  const std::shared_ptr<completion_session> session =
      taken.ends ? std::exchange(session_, nullptr) : nullptr;
  lock.unlock();
  const std::shared_ptr<connection> client = client_.lock();
  if (!client) return;
  if (taken.whole) return client->respond(*taken.whole);
  if (taken.begins) client->begin_stream(head_.status, head_.content_type, headers);
  client->stream(taken.frames);
  if (taken.overflows) return client->abort();
  if (taken.ends) client->end_stream();
}

}  // namespace troupe::gateway
