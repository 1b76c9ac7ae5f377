#include "actors/gateway/handlers.hpp"

#include <fmt/format.h>

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "actors/gateway/batch_handler.hpp"
#include "actors/gateway/cluster_handler.hpp"
#include "actors/gateway/completion_handler.hpp"
#include "actors/gateway/file_handler.hpp"
#include "actors/gateway/openapi.hpp"
#include "actors/gateway/response_handler.hpp"
#include "actors/gateway/server_core.hpp"
#include "actors/gateway/token_handler.hpp"
#include "runtime/api/models.hpp"

namespace troupe::gateway {
namespace {

answer wrong_method(const http_request& request, std::string_view allow) {
  api_error e;
  e.status = 405;
  e.message = fmt::format("{} does not answer to {}; use {}", request.path, request.method, allow);
  e.code = "method_not_allowed";
  answer a = refusal(e);
  a.headers.emplace_back("Allow", allow);
  return a;
}

answer health(const server_core& core) {
  const server_backend& backend = core.backend();
  std::string reason;
  if (core.leaves()) {
    reason = "it is about to stop";
  } else if (backend.health) {
    if (const result<void> well = backend.health(); !well) reason = well.error().message();
  } else if (!backend.service) {
    reason = "loading";
  }
  if (reason.empty()) return {200, "application/json", R"({"status":"ok"})", {}};
  const boost::json::value body{{"status", "unavailable"}, {"reason", reason}};
  return {503, "application/json", boost::json::serialize(body), {{"Retry-After", "2"}}};
}

answer metrics(const server_core& core) {
  const server_backend& backend = core.backend();
  server_metrics::sources from;
  engine_stats stats;
  cluster_view cluster;
  if (backend.service || backend.stats) {
    stats = backend.service ? backend.service->stats() : backend.stats();
    from.engine = &stats;
  }
  if (backend.cluster.view) {
    cluster = backend.cluster.view();
    from.cluster = &cluster;
  }
  from.ledger = backend.account.ledger;
  return {200, "text/plain; version=0.0.4; charset=utf-8", core.metrics()->render(from), {}};
}

answer one_model(const served_model& model, std::string_view id) {
  auto body = describe_model(model, id);
  if (!body) return refusal(body.error());
  return {200, "application/json", std::move(*body), {}};
}

/// Whether the route needs an engine; others are content with the model's files.
bool draws(route r) {
  switch (r) {
    case route::chat_completions:
    case route::completions:
    case route::dashscope_generation:
    case route::resume_chat:
    case route::resume_completion:
    case route::resume_dashscope:
    case route::responses:
      return true;
    default:
      return false;
  }
}

/// Why there is no model to ask.
api_error not_serving(const server_backend& backend) {
  api_error e = loading();
  if (!backend.health) return e;
  const result<void> well = backend.health();
  e.message = well ? "this process answers no completions; ask one of the cluster's gateways"
                   : well.error().message();
  return e;
}

/// A browser asks this before it lets a page of another origin send a request.
answer preflight(std::string_view allow) {
  return {204,
          {},
          {},
          {{"Access-Control-Allow-Methods", std::string(allow) + ", OPTIONS"},
           {"Access-Control-Allow-Headers", "Authorization, *"},
           {"Access-Control-Max-Age", "600"}}};
}

}  // namespace

api_error loading() {
  api_error e;
  e.status = 503;
  e.message = "the model is still loading; try again";
  e.type = "server_error";
  e.code = "unavailable";
  e.retry_after_seconds = 2;
  return e;
}

api_error no_store() {
  return to_api_error(
      {errc::not_found,
       "this server keeps no files and no batches; it wants a store (see --store)"});
}

api_error too_busy() {
  return to_api_error({errc::exhausted, "too many requests are waiting to be read; try again"});
}

api_result<std::shared_ptr<live_key>> admit(const server_core& core, const http_request& request) {
  const auto& model = core.backend().model;
  return core.entrance().admit(request, model ? model->id : std::string_view());
}

void handle(server_core& core, const std::shared_ptr<connection>& client) {
  const http_request& request = client->request();
  const routed found = find_route(request.method, request.path);
  if (found.allow.empty())
    return client->respond(refusal(unknown_path(request.method, request.path)));
  if (request.method == "OPTIONS" && !core.config().allow_origin.empty())
    return client->respond(preflight(found.allow));
  if (!found.method_fits) return client->respond(wrong_method(request, found.allow));
  if (found.target == route::health) return client->respond(health(core));
  const auto key = admit(core, request);
  if (!key) return client->respond(refusal_to(request, key.error()));
  if (found.target == route::metrics) return client->respond(metrics(core));
  if (found.target == route::openapi)
    return client->respond({200, "application/json", std::string(openapi_document()), {}});
  if (found.target == route::cluster || found.target == route::cluster_drain)
    return answer_cluster(core, client);
  const server_backend& backend = core.backend();
  if (!backend.model || (!backend.service && draws(found.target)))
    return client->respond(refusal_to(request, not_serving(backend)));
  const served_model& model = *backend.model;
  switch (found.target) {
    case route::chat_completions:
    case route::completions:
    case route::dashscope_generation:
      return complete(core, client, *key);
    case route::resume_chat:
    case route::resume_completion:
    case route::resume_dashscope:
      return resume(core, client, *key);
    case route::responses:
      return create_response(core, client, *key);
    case route::response:
    case route::response_cancel:
    case route::response_items:
      return answer_response(core, client, *key);
    case route::files:
    case route::file:
    case route::file_content:
      return answer_files(core, client, *key);
    case route::batches:
    case route::batch:
    case route::batch_cancel:
      return answer_batches(core, client, *key);
    case route::models:
      return client->respond({200, "application/json", list_models(model), {}});
    case route::model:
      return client->respond(one_model(model, found.argument));
    case route::tokenize:
    case route::detokenize:
      return convert_tokens(core, client);
    case route::tokenizer_info:
      return client->respond({200, "application/json", tokenizer_info(model), {}});
    case route::health:
    case route::metrics:
    case route::cluster:
    case route::cluster_drain:
    case route::openapi:
    case route::unknown:
      break;
  }
}

}  // namespace troupe::gateway
