#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "runtime/api/api_error.hpp"
#include "runtime/api/served_model.hpp"

namespace troupe::gateway {

class connection;
class server_core;

/// POST /tokenize and /detokenize. Io thread; the work goes to the pool.
void convert_tokens(server_core& core, const std::shared_ptr<connection>& client);

/// `{"prompt":text}` or `{"messages":[...]}` to `{"count":n,"max_model_len":m,"tokens":[...]}`.
/// `add_special_tokens` defaults to true for a prompt. Any thread.
[[nodiscard]] api_result<std::string> tokenize_body(const served_model& model,
                                                    std::string_view body);

/// `{"tokens":[...]}` to `{"prompt":text}`. Any thread.
[[nodiscard]] api_result<std::string> detokenize_body(const served_model& model,
                                                      std::string_view body);

/// Body of GET /tokenizer_info, as vLLM has it: the special tokens as text (null: none) and the
/// chat template, for clients that tokenize and render by asking the server. Any thread.
[[nodiscard]] std::string tokenizer_info(const served_model& model);

}  // namespace troupe::gateway
