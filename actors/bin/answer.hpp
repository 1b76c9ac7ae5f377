#pragma once

#include <boost/json/array.hpp>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/api/generation.hpp"
#include "runtime/api/served_model.hpp"
#include "runtime/base/result.hpp"

namespace troupe::cli {

/// What `run` and `chat` let a person choose.
struct answer_options {
  float temperature = 0;
  float top_p = 1;
  std::uint64_t seed = 0;
  std::uint32_t max_tokens = 0;  ///< 0: as many as the context has room for
};

/// A whole answer.
struct answer {
  std::string text;
  std::vector<token_id> tokens;
  finish_reason finish = finish_reason::none;
  generation_summary summary;
};

/// The prompt's tokens for a conversation, by the model's chat template. Messages are objects with
/// role and content. Fails with unsupported where the model has no template.
[[nodiscard]] result<std::vector<token_id>> chat_prompt(const served_model& model,
                                                        const boost::json::array& messages);

/// Gives each piece of text as it comes; always whole UTF-8 characters.
using text_sink = std::function<void(std::string_view)>;
/// Asked several times a second; true stops the answer.
using stop_flag = std::function<bool()>;

/// Asks `service` to continue `prompt` and passes the text to `sink` until the answer ends, `stop`
/// says so (finish is then cancelled), or the engine fails. A stream that brings nothing for five
/// minutes fails with deadline_exceeded.
[[nodiscard]] result<answer> generate(generation_service& service, const served_model& model,
                                      std::vector<token_id> prompt, const answer_options& options,
                                      const text_sink& sink, const stop_flag& stop);

}  // namespace troupe::cli
