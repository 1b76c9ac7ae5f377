// GET /cluster and POST /cluster/drain on the wire.
#include <doctest/doctest.h>

#include <boost/json/parse.hpp>
#include <mutex>
#include <string>
#include <vector>

#include "tests/actors/gateway/raw_client.hpp"
#include "tests/actors/gateway/server_fixture.hpp"

using namespace troupe;
using namespace troupe::test;

namespace {

/// A server whose cluster drains what it is told to.
struct cluster_fixture {
  cluster_fixture() {
    server_backend backend;
    backend.service = service;
    backend.model = tiny_model();
    backend.cluster.join_address = "127.0.0.1:7001";
    backend.cluster.view = [] {
      cluster_view view;
      view.epoch = 5;
      view.nodes.push_back({"worker-0", 1, "h", 2, "up", "AVX2", 1, 3, {}});
      view.scaling = {"command", 2, 6, 4, "load is within bounds", 0.25, 0.5, 120.5, 3, 1, 2};
      return view;
    };
    backend.cluster.drain = [this](const std::string& node) -> result<void> {
      const std::scoped_lock lock(mutex);
      drained.push_back(node);
      if (refusal) return fail(*refusal);
      return {};
    };
    auto started = http_server::start(quick_config(), log.logger(), std::move(backend));
    REQUIRE(started);
    server = std::move(*started);
  }

  std::shared_ptr<scripted_service> service = std::make_shared<scripted_service>();
  std::mutex mutex;
  std::vector<std::string> drained;
  std::optional<error> refusal;
  log_lines log;
  std::unique_ptr<http_server> server;
};

std::string code_of(const raw_client::reply& reply) {
  return std::string(boost::json::parse(reply.body).at("error").at("code").as_string());
}

}  // namespace

TEST_CASE("the cluster's state is JSON, HEAD has its length, and other methods do not fit") {
  const cluster_fixture f;
  raw_client client(f.server->port());
  client.send(get("/cluster"));
  const auto shown = client.read_reply();
  CHECK(shown.status == 200);
  CHECK(shown.has("Content-Type: application/json\r\n"));
  const auto body = boost::json::parse(shown.body);
  CHECK(body.at("epoch").to_number<int>() == 5);
  CHECK(body.at("nodes").at(0).at("name").as_string() == "worker-0");
  CHECK(body.at("join").as_string() == "127.0.0.1:7001");
  client.send("HEAD /cluster HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(client.read_reply(true).status == 200);
  client.send(post("/cluster", "{}") + get("/cluster/drain"));
  CHECK(client.read_reply().status == 405);
  CHECK(client.read_reply().has("Allow: POST\r\n"));
}

TEST_CASE("metrics tell of the cluster, of the version, and of nothing that is not there") {
  const cluster_fixture f;
  raw_client client(f.server->port());
  client.send(get("/metrics"));
  const std::string shown = client.read_reply().body;
  const auto has = [&shown](const std::string& line) {
    return shown.find('\n' + line + '\n') != std::string::npos;
  };
  CHECK(has("troupe_cluster_epoch 5"));
  CHECK(has("troupe_cluster_redundant 0"));
  CHECK(has("troupe_cluster_nodes{state=\"up\"} 1"));
  CHECK(has("troupe_cluster_nodes{state=\"suspect\"} 0"));
  CHECK(has("troupe_cluster_node_up{node=\"worker-0\",host=\"h\"} 1"));
  CHECK(has("troupe_cluster_autoscale_nodes{bound=\"wanted\"} 4"));
  CHECK(has("troupe_cluster_autoscale_queued_seconds 0.25"));
  CHECK(has("troupe_cluster_autoscale_nodes_total{direction=\"up\"} 3"));
  CHECK(has("troupe_cluster_autoscale_failures_total 2"));
  CHECK(shown.find("troupe_build_info{version=\"") != std::string::npos);
  CHECK(shown.find("troupe_ledger_errors_total") == std::string::npos);
  CHECK(shown.find("\ntroupe_certificate_expiry") == std::string::npos);

  const server_fixture alone;
  raw_client other(alone.port());
  other.send(get("/metrics"));
  CHECK(other.read_reply().body.find("troupe_cluster_") == std::string::npos);
}

TEST_CASE("a drain is accepted and passed on by name") {
  cluster_fixture f;
  raw_client client(f.server->port());
  client.send(post("/cluster/drain", R"({"node":"worker-0"})"));
  const auto reply = client.read_reply();
  CHECK(reply.status == 202);
  CHECK(reply.body == R"({"node":"worker-0","state":"draining"})");
  const std::scoped_lock lock(f.mutex);
  CHECK(f.drained == std::vector<std::string>{"worker-0"});
}

TEST_CASE("a drain that cannot be is refused in the API's error form") {
  cluster_fixture f;
  raw_client client(f.server->port());
  const auto refused = [&](errc code) {
    {
      const std::scoped_lock lock(f.mutex);
      f.refusal = error(code, "why");
    }
    client.send(post("/cluster/drain", R"({"node":"worker-9"})"));
    return client.read_reply();
  };
  const auto unknown = refused(errc::not_found);
  CHECK(unknown.status == 404);
  CHECK(unknown.body.find("\"why\"") != std::string::npos);
  const auto full = refused(errc::out_of_memory);
  CHECK(full.status == 409);
  CHECK(code_of(full) == "out_of_memory");
  CHECK(refused(errc::unavailable).status == 503);
}

TEST_CASE("a drain without a sound name goes nowhere") {
  cluster_fixture f;
  raw_client client(f.server->port());
  for (const std::string& bad :
       {std::string("{}"), std::string("[]"), std::string("{"), std::string(R"({"node":3})"),
        std::string(R"({"node":""})"), R"({"node":")" + std::string(65, 'a') + "\"}"}) {
    CAPTURE(bad);
    client.send(post("/cluster/drain", bad));
    CHECK(client.read_reply().status == 400);
  }
  const std::scoped_lock lock(f.mutex);
  CHECK(f.drained.empty());
}

TEST_CASE("a server of one process says that it is no cluster") {
  const server_fixture f;
  raw_client client(f.port());
  client.send(get("/cluster") + post("/cluster/drain", R"({"node":"a"})"));
  const auto shown = client.read_reply();
  CHECK(shown.status == 404);
  CHECK(code_of(shown) == "no_cluster");
  CHECK(client.read_reply().status == 404);
}
