#pragma once

#include <boost/json/value.hpp>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/api/completion_session.hpp"

namespace troupe::test {

/// The tiny llama checkpoint with its own tokenizer and template, served as "tiny".
[[nodiscard]] const std::shared_ptr<const served_model>& tiny_model();

/// `{"model":"tiny","messages":[a greeting],` + rest + `}`.
[[nodiscard]] std::string chat_body(std::string_view rest = {});
/// `{"model":"tiny","prompt":"Hello world",` + rest + `}`.
[[nodiscard]] std::string completion_body(std::string_view rest = {});

/// Keeps what a session writes.
class recording_sink final : public response_sink {
 public:
  void begin(int status, std::string_view content_type) override;
  [[nodiscard]] bool write(std::string bytes) override;
  void end(std::string last) override;
  void fail(const api_error& e) override;

  /// The JSON of each event but the last, which must be [DONE].
  [[nodiscard]] std::vector<boost::json::value> events() const;

  int status = 0;
  std::string type;
  std::string body;
  std::string last;  ///< what came with the end
  bool ended = false;
  std::optional<api_error> failure;
  bool broken = false;  ///< write says that the client is gone
  int calls_after_end = 0;
};

/// An engine of which the test plays every part.
class scripted_service final : public generation_service {
 public:
  struct entry {
    generation_request request;
    std::shared_ptr<generation_listener> listener;
  };

  [[nodiscard]] result<request_id> submit(generation_request request,
                                          std::shared_ptr<generation_listener> listener) override;
  void cancel(request_id id) override { cancelled.insert(id); }
  [[nodiscard]] engine_stats stats() const override { return {}; }

  std::map<request_id, entry> requests;  ///< numbered from 1
  std::set<request_id> cancelled;
  std::size_t accepts = 1000;  ///< requests until the queue is full
};

/// A context over `service` with random numbers 1, 2, 3 ... and a clock that stands at 1700000000.
[[nodiscard]] api_context make_context(scripted_service& service);

/// Events for the tokens of `text` on one choice, each with a log-probability; the last of them
/// carries `finish` where it is length, a further end-of-sequence token where it is stop.
[[nodiscard]] std::vector<token_event> events_for(std::string_view text, finish_reason finish,
                                                  std::uint32_t choice = 0);

/// Text of all choices of a whole answer, or of a stream's events, by index.
[[nodiscard]] std::map<std::int64_t, std::string> texts(const boost::json::value& whole);
[[nodiscard]] std::map<std::int64_t, std::string> texts(
    const std::vector<boost::json::value>& events);

}  // namespace troupe::test
