#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "actors/gateway/batch_request.hpp"
#include "actors/gateway/session_context.hpp"
#include "runtime/api/completion_session.hpp"
#include "runtime/api/response_sink.hpp"

namespace troupe::gateway {

/// What a request of a batch was answered.
struct batch_answer {
  int status = 200;
  std::string body;
  std::string code;  ///< of an error
};

/// Says the same of a line for ever: names and seeds follow from the batch and the line, so that a
/// line that is asked again after a crash has the same answer, and is charged once.
[[nodiscard]] answer_identity identity_of(std::string_view batch, std::uint64_t line,
                                          api_protocol protocol);

/// Asks for one line's answer; `then` is called once from any thread, unless the session that is
/// returned is cancelled. Null where `then` has been called already.
[[nodiscard]] std::shared_ptr<completion_session> ask_batch_line(
    const unattended_session& with, api_protocol protocol, const batch_request& request,
    const answer_identity& identity, std::function<void(batch_answer)> then);

/// The line of the output or of the errors.
[[nodiscard]] std::string outcome_text(std::string_view name, const answer_identity& identity,
                                       const batch_answer& answer);
/// The line of a request that was not asked any more.
[[nodiscard]] std::string outcome_text(std::string_view name, std::string_view code,
                                       std::string_view message);

}  // namespace troupe::gateway
