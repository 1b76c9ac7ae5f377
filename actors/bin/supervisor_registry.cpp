#include "actors/bin/supervisor_registry.hpp"

#include <fmt/format.h>

#include "actors/bin/http_call.hpp"
#include "actors/cluster/join_address.hpp"
#include "cluster/leadership/etcd_registry.hpp"
#include "cluster/leadership/memory_registry.hpp"

namespace troupe::cli {
namespace {

constexpr std::chrono::milliseconds etcd_limit{1'000};

result<std::string> post_to_etcd(const std::string& endpoint, const tls_files& identity,
                                 std::string_view path, std::string json) {
  auto server = parse_address(endpoint);
  if (!server) return fail(server.error());
  if (server->secure) server->identity = identity;
  auto reply = http_post(*server, path, std::move(json), etcd_limit);
  if (!reply) {
    if (reply.error().code() == errc::unavailable)
      return fail(errc::unavailable, "nobody listens at {}", endpoint);
    return fail(reply.error());
  }
  if (reply->status != 200)
    return fail(errc::io_error, "{} answers {}: {:.120}", endpoint, reply->status, reply->body);
  return std::move(reply->body);
}

}  // namespace

result<std::unique_ptr<leader_registry>> open_registry(const supervisor_config& config) {
  if (config.registry == registry_kind::none) {
    return std::make_unique<memory_registry>(config.claim_lifetime,
                                             [] { return std::chrono::steady_clock::now(); });
  }
  etcd_registry::settings s;
  s.endpoints = split_addresses(config.etcd);
  if (s.endpoints.empty()) return fail(errc::invalid_argument, "registry.endpoints names no etcd");
  for (const std::string& endpoint : s.endpoints)
    if (const auto ok = parse_address(endpoint); !ok) return fail(ok.error());
  s.prefix = "/troupe/" + config.cluster_name;
  s.lifetime = std::chrono::duration_cast<std::chrono::seconds>(config.claim_lifetime);
  return std::make_unique<etcd_registry>(
      std::move(s), [identity = config.cluster.tls](const std::string& endpoint,
                                                    std::string_view path, std::string json) {
        return post_to_etcd(endpoint, identity, path, std::move(json));
      });
}

}  // namespace troupe::cli
