#include "actors/gateway/response_keeper.hpp"

#include <boost/json/serialize.hpp>
#include <utility>

#include "runtime/api/event_frame.hpp"

namespace troupe::gateway {
namespace json = boost::json;

response_keeper::response_keeper(std::shared_ptr<response_sink> to, bool stream, keeper keep)
    : to_(std::move(to)), stream_(stream), keep_(std::move(keep)) {}

void response_keeper::begin(int status, std::string_view content_type) {
  if (stream_) to_->begin(status, content_type);
}

bool response_keeper::write(std::string bytes) {
  if (!stream_) return true;
  if (!final_) return to_->write(std::move(bytes));
  held_ += bytes;
  return true;
}

void response_keeper::on_failure(json::object response, const api_error& why) {
  final_ = std::move(response);
  failure_ = why;
}

void response_keeper::end(std::string last) {
  if (!stream_ && failure_) return to_->fail(*failure_);
  if (!final_) return to_->end(std::move(last));
  held_ += last;
  std::string whole = stream_ ? std::string() : json::serialize(*final_);
  keep_(std::move(*final_), [self = shared_from_this(), whole = std::move(whole)](
                                const result<void>& kept) { self->tell_end(whole, kept); });
}

void response_keeper::tell_end(const std::string& whole, const result<void>& kept) {
  if (!stream_) {
    if (!kept) return to_->fail(to_api_error(kept.error()));
    to_->begin(200, "application/json");
    to_->end(whole);
    return;
  }
  if (!kept) {
    const api_error e = to_api_error(kept.error());
    const json::object event{{"type", "error"},
                             {"code", e.code},
                             {"message", e.message},
                             {"param", nullptr},
                             {"sequence_number", 0}};
    held_ = event_frame(json::serialize(event), "error");
  }
  to_->end(std::move(held_));
}

}  // namespace troupe::gateway
