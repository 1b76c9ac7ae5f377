// What `troupe status` and `troupe drain` make of a cluster.
#include <doctest/doctest.h>
#include <spdlog/sinks/null_sink.h>

#include <boost/json/serialize.hpp>
#include <mutex>

#include "actors/bin/cluster_table.hpp"
#include "actors/bin/drain_request.hpp"
#include "actors/bin/status_report.hpp"
#include "actors/gateway/http_server.hpp"

namespace troupe::cli {
namespace {

constexpr std::chrono::seconds limit{20};

gateway::cluster_report sample() {
  gateway::cluster_report report;
  report.join = "127.0.0.1:7001";
  cluster_view& view = report.view;
  view.epoch = 7;
  view.serving = true;
  view.redundancy = 2;
  view.nodes = {{"worker-0", 0xab, "h", 101, "up", "AVX2", 1, std::size_t{2} << 30U, {"stage 0"}},
                {"worker-1", 0xcd, "h", 102, "suspect", "AVX2", 1, std::size_t{2} << 30U, {}},
                {"worker-2", 0xef, "h", 103, "gone", "AVX2", 1, 0, {}}};
  view.stages = {{0, 15, "worker-0", {{"worker-1", false}}}, {15, 30, "", {}}};
  for (int i = 0; i < 12; ++i)
    view.events.push_back({7'200.0 / (1 << i), "event " + std::to_string(i)});
  return report;
}

/// A server with a cluster and no model.
class forming_server {
 public:
  explicit forming_server(bool cluster = true) {
    server_backend backend;
    if (cluster) {
      backend.cluster.join_address = "127.0.0.1:7001";
      backend.cluster.view = [] { return sample().view; };
      backend.cluster.drain = [](const std::string& node) -> result<void> {
        if (node == "worker-0") return {};
        if (node == "worker-1") return fail(errc::out_of_memory, "no room for 3 MiB");
        return fail(errc::not_found, "there is no node {}", node);
      };
    }
    server_config config;
    config.port = 0;
    auto log =
        std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::null_sink_mt>());
    auto started = http_server::start(config, std::move(log), std::move(backend));
    REQUIRE(started);
    server_ = std::move(*started);
  }
  [[nodiscard]] server_address address() const {
    return {"127.0.0.1", std::to_string(server_->port())};
  }

 private:
  std::unique_ptr<http_server> server_;
};

}  // namespace

TEST_CASE("a cluster is shown as tables: state, nodes, stages, last events") {
  const std::string text = to_text(sample());
  const auto has = [&text](std::string_view part) {
    CAPTURE(part);
    CHECK(text.find(part) != std::string::npos);
  };
  has("cluster     serving\n");
  has("epoch       7\n");
  CHECK(show_epoch(7) == "7");
  CHECK(show_epoch((epoch_number{2} << 32U) + 3) == "2.3");
  has("copies      2, not all there\n");
  has("nodes join  127.0.0.1:7001\n");
  has("worker-0  up       101  1        2.0 GiB  stage 0\n");
  has("worker-1  suspect  102  1        2.0 GiB  -\n");
  has("0-14    worker-0  worker-1 (catching up)\n");
  has("15-29   none      -\n");
  has("30 min ago  event 2\n");
  has("3.5 s ago   event 11\n");
  CHECK(text.find("worker-2") == std::string::npos);   // gone
  CHECK(text.find("event 1\n") == std::string::npos);  // older than the last ten
}

TEST_CASE("an empty cluster is shown too") {
  const std::string text = to_text(gateway::cluster_report{});
  CHECK(text.find("not serving") != std::string::npos);
  CHECK(text.find("1: nothing to spare") != std::string::npos);
}

TEST_CASE("status has the cluster where there is one, as text and as JSON") {
  server_status status;
  status.url = "u";
  REQUIRE(add_cluster(status, 200, boost::json::serialize(gateway::to_json(sample()))));
  CHECK(to_text(status).find("worker-0") != std::string::npos);
  CHECK(to_json(status).at("cluster").at("epoch").to_number<int>() == 7);

  server_status plain;
  REQUIRE(add_cluster(plain, 404, R"({"error":{}})"));
  CHECK_FALSE(plain.cluster);
  CHECK(to_text(plain).find("epoch") == std::string::npos);
  CHECK_FALSE(to_json(plain).contains("cluster"));

  const auto broken = add_cluster(status, 200, "{}");
  REQUIRE_FALSE(broken);
  CHECK(broken.error().message() ==
        "u: its /cluster is not what troupe sends: \"epoch\" must be a count");
}

TEST_CASE("a drain is asked for, and a refusal has the server's reason") {
  const forming_server server;
  CHECK(request_drain(server.address(), "worker-0", limit).has_value());
  const auto full = request_drain(server.address(), "worker-1", limit);
  REQUIRE_FALSE(full);
  CHECK(full.error() == error(errc::exhausted, "no room for 3 MiB"));
  const auto unknown = request_drain(server.address(), "worker-\"9\"", limit);
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error() == error(errc::not_found, "there is no node worker-\"9\""));
  const auto nameless = request_drain(server.address(), "", limit);
  REQUIRE_FALSE(nameless);
  CHECK(nameless.error().code() == errc::invalid_argument);
}

TEST_CASE("a drain where nobody listens says what to do") {
  const auto done = request_drain({"127.0.0.1", "1"}, "worker-0", limit);
  REQUIRE_FALSE(done);
  CHECK(done.error().code() == errc::unavailable);
}

TEST_CASE("a server that has no model yet shows its cluster; without one it still loads") {
  const forming_server cluster;
  const auto shown = http_get(cluster.address(), "/cluster", limit);
  REQUIRE(shown);
  CHECK(shown->status == 200);
  CHECK(gateway::parse_cluster_report(shown->body)->join == "127.0.0.1:7001");
  const auto health = http_get(cluster.address(), "/health", limit);
  REQUIRE(health);
  CHECK(health->status == 503);
  const forming_server none(false);
  CHECK(http_get(none.address(), "/cluster", limit)->status == 503);
}

}  // namespace troupe::cli
