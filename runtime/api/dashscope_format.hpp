#pragma once

#include <memory>
#include <string>

#include "runtime/api/answer_format.hpp"
#include "runtime/api/response_sink.hpp"

namespace troupe {

/// How an answer of DashScope's is to look.
struct dashscope_form {
  bool as_text = true;
  bool incremental = false;
};

/// Events carry `output`, the usage so far and the request's id; a stream ends with the event that
/// says why the choice did.
[[nodiscard]] std::unique_ptr<answer_format> make_dashscope_format(answer_header header,
                                                                   dashscope_form form);

/// {"code": ..., "message": ..., "request_id": ...}
[[nodiscard]] std::string dashscope_error(const api_error& e, std::string_view request_id);

/// Passes an answer on to `sink`, errors in DashScope's form.
[[nodiscard]] std::shared_ptr<response_sink> dashscope_errors(std::shared_ptr<response_sink> sink,
                                                              std::string request_id);

}  // namespace troupe
