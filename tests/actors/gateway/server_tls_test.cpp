// The HTTP port over TLS: what is agreed on, what is refused, and certificates that change.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "tests/actors/gateway/certificate_maker.hpp"
#include "tests/actors/gateway/raw_client.hpp"
#include "tests/actors/gateway/server_fixture.hpp"
#include "tests/actors/gateway/tls_client.hpp"

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

server_config over_tls(const certificate_maker& files) {
  server_config config = quick_config();
  config.certificate = files.certificate();
  config.certificate_key = files.key();
  return config;
}

std::string why_not(const server_config& config) {
  const log_lines log;
  const auto started = http_server::start(config, log.logger());
  return started ? std::string() : started.error().message();
}

}  // namespace

TEST_CASE("over TLS a client is answered, streams, and goes on with the same connection") {
  const certificate_maker files;
  const server_fixture f(over_tls(files));
  CHECK(f.server->url().starts_with("https://127.0.0.1:"));
  tls_client client(f.port(), {0, 0, "\x02h2\x08http/1.1"});
  REQUIRE(client.agreed());
  CHECK(client.version() == "TLSv1.3");
  CHECK(client.protocol() == "http/1.1");
  for (int i = 0; i < 3; ++i) {
    client.send(post("/v1/completions", completion_body("over and over", 20, true)));
    CHECK(client.read_until("[DONE]\n\n\r\n0\r\n\r\n").find("data: {") != std::string::npos);
  }
  client.send(get("/health", "Connection: close\r\n"));
  CHECK(client.read_to_end().find(R"({"status":"ok"})") != std::string::npos);
  CHECK(client.ended_in_order());
}

TEST_CASE("TLS 1.2 is spoken, older versions and other protocols are not") {
  const certificate_maker files;
  const server_fixture f(over_tls(files));
  tls_client older(f.port(), {TLS1_2_VERSION, TLS1_2_VERSION, {}});
  REQUIRE(older.agreed());
  older.send(get("/health"));
  CHECK(older.read_until("\r\n\r\n").starts_with("HTTP/1.1 200"));
  CHECK_FALSE(tls_client(f.port(), {TLS1_VERSION, TLS1_1_VERSION, {}}).agreed());
  const tls_client other(f.port(), {0, 0, "\x02h2"});
  CHECK_FALSE(other.agreed());
}

TEST_CASE("a body that is refused before its end does not cost the client the answer") {
  const certificate_maker files;
  server_config config = over_tls(files);
  config.limits.body_bytes = 1U << 20U;
  const server_fixture f(config);
  tls_client client(f.port());
  REQUIRE(client.agreed());
  client.send("POST /v1/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n");
  client.send(std::string(500'000, ' '));
  CHECK(client.read_until("\r\n\r\n").starts_with("HTTP/1.1 413"));
}

TEST_CASE("who speaks HTTP without TLS is told, who speaks neither is cut off, others are served") {
  const certificate_maker files;
  const server_fixture f(over_tls(files));
  raw_client plain(f.port());
  plain.send(get("/health"));
  const auto told = plain.read_reply();
  CHECK(told.status == 400);
  CHECK(told.body.find("https://") != std::string::npos);
  CHECK(plain.closed_by_server());
  const std::string hello_cut_short("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
  std::vector<std::unique_ptr<raw_client>> held;
  for (const std::string& bytes :
       {std::string("\xff\xfe\xfd\xfc\xfb\xfa"), std::string(70'000, '\x16'),
        std::string("SSH-2.0-x\r\n"), hello_cut_short}) {
    auto hostile = std::make_unique<raw_client>(f.port());
    hostile->send(bytes);
    held.push_back(std::move(hostile));
  }
  CHECK(held[0]->closed_by_server());
  held.back()->reset();
  tls_client client(f.port());
  REQUIRE(client.agreed());
  client.send(get("/metrics", "Connection: close\r\n"));
  CHECK(client.read_to_end().find("troupe_tls_failed_handshakes_total") != std::string::npos);
}

TEST_CASE("a handshake has a deadline") {
  const certificate_maker files;
  server_config config = over_tls(files);
  config.limits.handshake_timeout = 50ms;
  const server_fixture f(config);
  raw_client silent(f.port());
  CHECK(silent.closed_by_server());
  raw_client slow(f.port());
  slow.send("\x16\x03\x01");
  CHECK(slow.closed_by_server());
}

TEST_CASE("who hangs up in the middle of a stream over TLS cancels it") {
  const certificate_maker files;
  const server_fixture f(over_tls(files), 3);
  {
    tls_client leaving(f.port());
    REQUIRE(leaving.agreed());
    leaving.send(post("/v1/completions", completion_body("not for long", 50, true)));
    CHECK_FALSE(leaving.read_until("data: ").empty());
  }
  CHECK(f.service->wait_cancelled(1));
}

TEST_CASE("a renewed certificate is shown to new connections, and open ones go on") {
  const certificate_maker files;
  const server_fixture f(over_tls(files), 3);
  tls_client streaming(f.port());
  REQUIRE(streaming.agreed());
  streaming.send(post("/v1/completions", completion_body("finish me", 10, true)));
  CHECK_FALSE(streaming.read_until("data: ").empty());
  const std::string key_before = files.key() + ".before";
  std::filesystem::copy_file(files.key(), key_before);
  files.renew("second");
  CHECK(f.log.wait_for("the certificate has changed"));
  CHECK(tls_client(f.port()).server_name() == "second");
  // One that cannot be used changes nothing.
  std::filesystem::rename(key_before, files.key());
  CHECK(f.log.wait_for("the certificate stays as it was"));
  CHECK(tls_client(f.port()).server_name() == "second");
  f.service->release();
  CHECK(streaming.read_until("[DONE]").ends_with("[DONE]"));
}

TEST_CASE("files that cannot be used are named with the reason") {
  const certificate_maker files;
  const certificate_maker other;
  server_config config = over_tls(files);
  config.certificate_key = {};
  CHECK(why_not(config) ==
        "http.certificate_key is missing: the certificate and its key go together");
  config.certificate_key = other.key();
  CHECK(why_not(config).find("http.certificate_key") != std::string::npos);
  CHECK(why_not(config).find("key values mismatch") != std::string::npos);
  config.certificate_key = "/nowhere/key.pem";
  CHECK(why_not(config).find("/nowhere/key.pem: ") != std::string::npos);
  std::ofstream(other.certificate(), std::ios::trunc) << "no PEM";
  config = over_tls(files);
  config.certificate = other.certificate();
  CHECK(why_not(config).find("http.certificate " + other.certificate()) == 0);
  files.renew("late", -1);
  CHECK(why_not(over_tls(files)).find("has expired") != std::string::npos);
}

TEST_CASE("a server over TLS may be destroyed at any moment") {
  const certificate_maker files;
  for (int round = 0; round < 6; ++round) {
    server_fixture f(over_tls(files), round % 2 == 0 ? UINT32_MAX : 2);
    tls_client one(f.port());
    raw_client half(f.port());
    half.send("\x16\x03");
    one.send(post("/v1/completions", completion_body("here and gone", 200, true)));
    if (round % 3 == 0) CHECK_FALSE(one.read_until("\r\n").empty());
    f.server.reset();
  }
}
