#include "actors/gateway/cluster_handler.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <utility>

#include "actors/gateway/cluster_json.hpp"
#include "actors/gateway/handlers.hpp"
#include "actors/gateway/pool_answer.hpp"
#include "actors/gateway/server_core.hpp"
#include "runtime/api/json_body.hpp"

namespace troupe::gateway {

namespace json = boost::json;

namespace {

/// As long as a node's name may be.
constexpr std::size_t most_name_bytes = 64;

api_error no_cluster() {
  api_error e;
  e.status = 404;
  e.message = "This server is no cluster: it runs in one process. Start it with --workers.";
  e.code = "no_cluster";
  return e;
}

api_error refused(const error& why) {
  api_error e = to_api_error(why);
  // The request is fine; the state of the cluster stands against it.
  if (why.code() == errc::out_of_memory || why.code() == errc::already_exists) {
    e.status = 409;
    e.type = "invalid_request_error";
  }
  return e;
}

answer drained(const cluster_access& cluster, std::string_view body) {
  const auto name = drain_target(body);
  if (!name) return refusal(name.error());
  if (const result<void> begun = cluster.drain(*name); !begun)
    return refusal(refused(begun.error()));
  const json::object done{{"node", *name}, {"state", "draining"}};
  return {202, "application/json", json::serialize(done), {}};
}

}  // namespace

api_result<std::string> drain_target(std::string_view body) {
  const auto object = parse_json_body(body, {});
  if (!object) return tl::unexpected(object.error());
  const json::value* node = object->if_contains("node");
  if (node == nullptr || !node->is_string())
    return refuse("node", "must be the name of a node, as GET /cluster shows it");
  const auto& name = node->get_string();
  if (name.empty() || name.size() > most_name_bytes)
    return refuse("node", "must have from 1 to {} bytes, not {}", most_name_bytes, name.size());
  return std::string(name);
}

void answer_cluster(server_core& core, const std::shared_ptr<connection>& client) {
  const server_backend& backend = core.backend();
  const cluster_access& cluster = backend.cluster;
  if (!cluster.view) return client->respond(refusal(backend.service ? no_cluster() : loading()));
  if (client->request().target == route::cluster_drain)
    return answer_from_pool(core, client,
                            [cluster](std::string_view body) { return drained(cluster, body); });
  const json::object body = to_json({cluster.view(), cluster.join_address});
  client->respond({200, "application/json", json::serialize(body), {}});
}

}  // namespace troupe::gateway
