#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <thread>

#include "actors/bin/bandwidth_probe.hpp"
#include "actors/bin/doctor_checks.hpp"
#include "actors/bin/event_feed.hpp"

namespace troupe::cli {
namespace {

using level = finding::level;

/// A machine with nothing wrong.
host_facts sound() {
  host_facts f;
  f.memory_bytes = std::uint64_t{64} << 30U;
  f.network = {"eth0 (100000 Mb/s)"};
  f.ucx = ucx_findings{{{"tcp", "eth0"}, {"posix", "memory"}}};
  f.kernel_target = "AVX2";
  f.clock_synchronised = true;
  f.now = std::chrono::system_clock::now();
  return f;
}

std::vector<finding> troubles(const host_facts& facts) {
  auto all = examine(facts);
  std::erase_if(all, [](const finding& x) { return x.how == level::well; });
  return all;
}

cluster_view view_of(std::vector<std::string> texts) {
  cluster_view view;
  for (std::string& t : texts) view.events.push_back({1, std::move(t)});
  return view;
}

std::size_t news_of(event_feed& feed, std::vector<std::string> texts) {
  return feed.news(view_of(std::move(texts))).size();
}

}  // namespace

TEST_CASE(
    "a sound machine has nothing to complain of, and everything that is wrong has its advice") {
  CHECK(troubles(sound()).empty());
  host_facts f = sound();
  f.memlock_bytes = 65'536;
  f.gpu_driver = "535.1";
  f.rdma_ports = {"mlx5_0 port 1: 1: DOWN"};
  f.clock_synchronised = false;
  f.network.clear();
  f.tls = fail(errc::invalid_argument, "tls.key k.pem: key values mismatch");
  f.reached = {{"h:7001", "nobody listens there"}};
  f.listened_on = {{"0.0.0.0:8080", "Address already in use"}};
  f.links.push_back({"h:7012", fail(errc::unavailable, "h:7012: nobody measures there")});
  const auto found = troubles(f);
  CHECK(found.size() == 10);
  for (const finding& x : found) {
    CAPTURE(x.subject);
    CHECK_FALSE(x.advice.empty());
  }
}

TEST_CASE("UCX is to find a way to other nodes, and the RDMA devices that are there") {
  const auto about_ucx = [](const host_facts& f) {
    auto all = examine(f);
    std::erase_if(all, [](const finding& x) { return x.subject != "UCX"; });
    return all;
  };
  host_facts f = sound();
  f.ucx->ways.push_back({"tcp", "lo"});
  REQUIRE(about_ucx(f).size() == 1);
  CHECK(about_ucx(f)[0].text == "finds posix (memory), tcp (eth0, lo)");

  f.rdma_ports = {"mlx5_0 port 1: 4: ACTIVE"};
  REQUIRE(troubles(f).size() == 1);
  CHECK(troubles(f)[0].text == "does not find the RDMA devices that are there");
  f.ucx->ways.push_back({"rc_mlx5", "mlx5_0:1"});
  CHECK(troubles(f).empty());
  // Which want memory that may be pinned.
  f.memlock_bytes = 65'536;
  REQUIRE(troubles(f).size() == 1);
  CHECK(troubles(f)[0].how == level::wrong);

  f = sound();
  f.gpu_driver = "580.1";
  f.nccl = true;
  REQUIRE(troubles(f).size() == 1);
  CHECK(troubles(f)[0].how == level::remark);
  f.ucx->gpu_memory = true;
  CHECK(troubles(f).empty());

  f = sound();
  f.ucx->ways = {{"posix", "memory"}};
  REQUIRE(troubles(f).size() == 1);
  CHECK(troubles(f)[0].how == level::wrong);
  f.ucx->ways.clear();
  CHECK(troubles(f)[0].text == "finds no way to other processes");
  f.ucx = fail(errc::unavailable, "UCX: Input/output error");
  CHECK(troubles(f)[0].text == "UCX: Input/output error");
}

TEST_CASE("certificates are judged by what is left of them") {
  host_facts f = sound();
  const auto hours = [&](int from, int until) {
    return host_facts::file{"c.pem", certificate_times{f.now + std::chrono::hours(from),
                                                       f.now + std::chrono::hours(until)}};
  };
  f.certificates = {hours(-1, 24 * 90), hours(-1, 24 * 3), hours(-9, -1), hours(1, 99)};
  const auto found = troubles(f);
  REQUIRE(found.size() == 3);
  CHECK(found[0].how == level::remark);
  CHECK(found[0].text == "c.pem: 3 days left");
  CHECK(found[1].how == level::wrong);
  CHECK(found[1].text == "c.pem has run out");
  CHECK(found[2].text == "c.pem is not good yet");
}

TEST_CASE("bandwidth is measured between two that both know of it") {
  std::promise<std::uint16_t> port;
  std::atomic<bool> over = false;
  result<void> served;
  std::thread server([&] {
    served = serve_bandwidth(
        0, [&](std::uint16_t p) { port.set_value(p); }, [&] { return over.load(); });
  });
  const std::string peer = fmt::format("127.0.0.1:{}", port.get_future().get());
  const auto measured = measure_bandwidth(peer);
  over = true;
  server.join();
  CHECK(served);
  REQUIRE(measured);
  CHECK(*measured > 1e6);
  CHECK(measure_bandwidth(peer).error().code() == errc::unavailable);
}

TEST_CASE("each event is told once, however its view moves on") {
  event_feed feed;
  CHECK(news_of(feed, {"a", "b"}) == 2);
  CHECK(news_of(feed, {"a", "b"}) == 0);
  CHECK(news_of(feed, {"b", "b", "c"}) == 2);
  CHECK(news_of(feed, {"x"}) == 1);
  CHECK(news_of(feed, {}) == 0);
}

}  // namespace troupe::cli
