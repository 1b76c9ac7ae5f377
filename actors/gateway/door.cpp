#include "actors/gateway/door.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "actors/gateway/route_scope.hpp"
#include "runtime/keys/key_names.hpp"
#include "runtime/keys/rate_text.hpp"

namespace troupe::gateway {
namespace {

/// Waiting does not help: somebody has to raise the budget.
constexpr std::uint32_t long_wait_seconds = 3'600;

api_error unauthorized(std::string message) {
  api_error e;
  e.status = 401;
  e.message = std::move(message);
  e.code = "invalid_api_key";
  return e;
}

api_error forbidden(std::string message) {
  api_error e;
  e.status = 403;
  e.message = std::move(message);
  e.code = "permission_denied";
  return e;
}

api_error keys_unreadable(const error& why) {
  api_error e;
  e.status = 503;
  e.message = why.message();
  e.type = "server_error";
  e.code = "unavailable";
  e.retry_after_seconds = 5;
  return e;
}

api_error limited(const rate_refusal& refusal) {
  api_error e;
  e.status = 429;
  e.message = describe(refusal);
  e.code = "rate_limit_exceeded";
  e.retry_after_seconds =
      static_cast<std::uint32_t>(std::clamp(std::ceil(refusal.wait.count()), 1.0, 86'400.0));
  switch (refusal.by) {
    case rate_limit::requests:
      e.type = "requests";
      break;
    case rate_limit::tokens:
      e.type = "tokens";
      break;
    case rate_limit::request_burst:
      e.type = "requests";
      e.code = "burst_rate_exceeded";
      break;
    case rate_limit::token_burst:
      e.type = "tokens";
      e.code = "burst_rate_exceeded";
      break;
    case rate_limit::tokens_at_once:
      // No limit that passes with time, so that clients do not ask again by themselves.
      e.status = 400;
      e.type = "invalid_request_error";
      e.param = "max_tokens";
      e.retry_after_seconds = 0;
      break;
    case rate_limit::budget:
    case rate_limit::money:
      e.type = "insufficient_quota";
      e.code = "insufficient_quota";
      // A budget of a day or a month comes again.
      if (refusal.wait.count() == 0) e.retry_after_seconds = long_wait_seconds;
      break;
  }
  return e;
}

void add_headers(header_list& to, const char* what, const std::optional<rate_standing>& standing) {
  if (!standing) return;
  to.emplace_back(fmt::format("x-ratelimit-limit-{}", what), std::to_string(standing->limit));
  to.emplace_back(fmt::format("x-ratelimit-remaining-{}", what),
                  std::to_string(standing->remaining));
  to.emplace_back(fmt::format("x-ratelimit-reset-{}", what), short_duration(standing->reset));
}

}  // namespace

api_result<std::shared_ptr<live_key>> door::admit(const http_request& request,
                                                  std::string_view model) const {
  const std::string_view endpoint = endpoint_of(request.target);
  if (!keys_ || endpoint.empty()) return nullptr;
  if (request.key.empty()) {
    return tl::unexpected(unauthorized(
        "this server asks for a key: send the header Authorization: Bearer KEY, or x-api-key"));
  }
  auto key = keys_->find(request.key);
  if (!key) {
    return tl::unexpected(key.error().code() == errc::not_found
                              ? unauthorized(key.error().message())
                              : keys_unreadable(key.error()));
  }
  const key_scope& scope = (*key)->scope();
  if (!allows_endpoint(scope, endpoint)) {
    return tl::unexpected(
        forbidden(fmt::format("this key is not good for the endpoints of \"{}\"", endpoint)));
  }
  if (!model.empty() && needs_model(request.target) && !allows_model(scope, model))
    return tl::unexpected(forbidden(fmt::format("this key is not good for the model {}", model)));
  return std::move(*key);
}

api_result<std::shared_ptr<live_key>> door::recognise(std::int64_t id) const {
  if (!keys_ && id == 0) return nullptr;
  if (!keys_) return tl::unexpected(unauthorized("the key that asked for this is not there"));
  auto key = keys_->find(id);
  if (key) return std::move(*key);
  return tl::unexpected(key.error().code() == errc::not_found
                            ? unauthorized("the key that asked for this is no longer in force")
                            : keys_unreadable(key.error()));
}

std::optional<api_error> count_request(live_key& key) {
  const auto refused = key.take_request(std::chrono::steady_clock::now());
  if (!refused) return std::nullopt;
  return limited(*refused);
}

std::optional<api_error> reserve(live_key& key, const generation_cost& cost) {
  const auto refused =
      key.reserve(key_use(cost.prompt_tokens + cost.answer_tokens, cost.money), key_moment::now());
  if (!refused) return std::nullopt;
  return limited(*refused);
}

header_list rate_headers(const live_key& key) {
  const auto now = std::chrono::steady_clock::now();
  header_list headers;
  add_headers(headers, "requests", key.requests(now));
  add_headers(headers, "tokens", key.tokens(now));
  return headers;
}

}  // namespace troupe::gateway
