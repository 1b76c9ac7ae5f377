#pragma once

#include <string_view>

#include "runtime/api/chat_request.hpp"

namespace troupe {

/// A checked body of DashScope's text generation.
struct dashscope_request {
  chat_request chat;
  bool as_text = true;       ///< result_format "text": output.text, and no choices
  bool incremental = false;  ///< each event has what is new; otherwise all so far
};

/// Parses and checks {"model": ..., "input": {"messages" or "prompt"}, "parameters": {...}} as
/// Alibaba Cloud Model Studio's DashScope protocol has it. Whether the answer is a stream is said
/// by the header X-DashScope-SSE: `events`. Refusals name the parameter as parse_chat_request does.
[[nodiscard]] api_result<dashscope_request> parse_dashscope_request(std::string_view body,
                                                                    bool events,
                                                                    const served_model& model,
                                                                    const api_limits& limits = {});

}  // namespace troupe
