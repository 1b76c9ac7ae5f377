#pragma once

#include "runtime/api/api_error.hpp"
#include "runtime/api/chat_request.hpp"
#include "runtime/api/generation.hpp"
#include "runtime/api/request_options.hpp"
#include "runtime/api/served_model.hpp"

namespace troupe::fuzz {

/// A model of bytes with a context of 512 tokens and a template that shows all of a conversation.
const served_model& byte_model();

/// Ends the process unless the refusal is 4xx, with a message and a body that is JSON.
void check(const api_error& e);

/// Ends the process unless the request fits the model, or is refused as above.
void check(const api_result<generation_request>& made);

/// The same of what becomes of a chat that has been read.
void check(const chat_request& chat);

}  // namespace troupe::fuzz
