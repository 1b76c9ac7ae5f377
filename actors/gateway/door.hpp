#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "actors/gateway/answer.hpp"
#include "actors/gateway/http_request.hpp"
#include "runtime/api/api_error.hpp"
#include "runtime/api/completion_session.hpp"
#include "runtime/base/result.hpp"
#include "runtime/keys/key_ring.hpp"
#include "runtime/keys/use_exchange.hpp"

namespace troupe::gateway {

/// Says who may ask for what: 401 without a key in force, 403 outside its scope, 429 beyond its
/// limits. Without a file of keys everybody may ask for everything. Any thread.
class door {
 public:
  /// Null: no keys.
  explicit door(std::shared_ptr<key_ring> keys) : keys_(std::move(keys)) {}

  /// The key that lets the request in; null where none is needed. `model` is the served one's name,
  /// empty while there is none.
  [[nodiscard]] api_result<std::shared_ptr<live_key>> admit(const http_request& request,
                                                            std::string_view model) const;

  /// The key in force with this id; null for 0, which stands for nobody's where there are no keys.
  [[nodiscard]] api_result<std::shared_ptr<live_key>> recognise(std::int64_t id) const;

  /// The keys' limits are one with those of others from now on.
  void share(use_exchange& with) const { with.share(keys_); }

 private:
  std::shared_ptr<key_ring> keys_;
};

/// A request that draws tokens, before its body is read; counts it where it passes.
[[nodiscard]] std::optional<api_error> count_request(live_key& key);
/// The same once its tokens are known; sets them aside.
[[nodiscard]] std::optional<api_error> reserve(live_key& key, const generation_cost& cost);

/// x-ratelimit-limit-requests and so on, for the limits that the key has.
[[nodiscard]] header_list rate_headers(const live_key& key);

}  // namespace troupe::gateway
