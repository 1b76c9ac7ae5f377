#pragma once

#include <boost/json/object.hpp>
#include <vector>

#include "runtime/api/api_error.hpp"
#include "runtime/api/chat_request.hpp"
#include "runtime/api/completion_request.hpp"
#include "runtime/api/generation.hpp"
#include "runtime/api/served_model.hpp"

namespace troupe {

/// A prompt ready for the engine.
struct prepared_prompt {
  std::vector<token_id> tokens;
  /// How many tokens at the front and the back the model's own rule added (they are no text).
  std::size_t added_front = 0;
  std::size_t added_back = 0;
  bool in_thought = false;    ///< its end has opened a thought
  bool thought_over = false;  ///< it says that the answer has no thought, or has closed it
  std::vector<std::uint32_t> cache_marks;  ///< of generation_request
};

/// Renders the conversation with the model's template and tokenizes it. Where the answer goes on
/// from the last message, the text ends with that message.
[[nodiscard]] api_result<prepared_prompt> prepare_chat(const served_model& model,
                                                       const chat_request& request);

/// Tokenizes prompt number `index` of the request, or takes its tokens as they are.
[[nodiscard]] api_result<prepared_prompt> prepare_completion(const served_model& model,
                                                             const completion_request& request,
                                                             std::size_t index);

/// The engine's request for a prompt. Fails, and tells the numbers, when prompt and max_tokens do
/// not fit the context (context_length_exceeded) or what the model is said to take and to write;
/// fills max_tokens in where the request left it open. The end-of-sequence tokens are among the
/// stop tokens unless the request ignores them.
[[nodiscard]] api_result<generation_request> make_generation_request(const served_model& model,
                                                                     const request_options& options,
                                                                     std::vector<token_id> prompt);

}  // namespace troupe
