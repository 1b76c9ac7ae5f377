#include "actors/gateway/route_scope.hpp"

namespace troupe::gateway {

// Without a default, so that a new route does not compile before it is said who may use it.
std::string_view endpoint_of(route r) {
  switch (r) {
    case route::chat_completions:
    case route::dashscope_generation:
    case route::resume_chat:
    case route::resume_dashscope:
      return "chat";
    case route::completions:
    case route::resume_completion:
      return "completions";
    case route::responses:
    case route::response:
    case route::response_cancel:
    case route::response_items:
      return "responses";
    case route::files:
    case route::file:
    case route::file_content:
    case route::batches:
    case route::batch:
    case route::batch_cancel:
      return "batches";
    case route::models:
    case route::model:
      return "models";
    case route::tokenize:
    case route::detokenize:
    case route::tokenizer_info:
      return "tokens";
    case route::metrics:
    case route::cluster:
    case route::cluster_drain:
      return "admin";
    case route::health:
    case route::openapi:
    case route::unknown:
      return {};
  }
  return "admin";
}

bool needs_model(route r) {
  const std::string_view endpoint = endpoint_of(r);
  return endpoint == "chat" || endpoint == "completions" || endpoint == "responses" ||
         endpoint == "tokens";
}

}  // namespace troupe::gateway
