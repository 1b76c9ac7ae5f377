#include "actors/bin/tracing.hpp"

#include <cstdlib>
#include <utility>

#include "actors/bin/http_call.hpp"
#include "runtime/release/release.hpp"
#include "runtime/tracing/otlp_endpoint.hpp"
#include "runtime/tracing/span_exporter.hpp"

namespace troupe::cli {
namespace {

constexpr std::chrono::milliseconds send_limit{3'000};

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

/// Which answers OTLP wants to be tried again.
bool passes(unsigned status) {
  return status == 429 || status == 502 || status == 503 || status == 504;
}

result<void> send(const server_address& collector, const std::string& path, std::string json) {
  const auto reply = http_post(collector, path, std::move(json), send_limit);
  if (!reply) return fail(errc::unavailable, "{}", reply.error().message());
  if (reply->status < 300) return {};
  return fail(passes(reply->status) ? errc::unavailable : errc::io_error,
              "{}:{}{} answers with status {}", collector.host, collector.port, path,
              reply->status);
}

}  // namespace

result<std::shared_ptr<span_sink>> open_tracing(const std::string& endpoint,
                                                const std::shared_ptr<spdlog::logger>& log) {
  auto found = find_otlp_endpoint(endpoint, variable);
  if (!found) return fail(found.error());
  if (found->url.empty()) return nullptr;
  auto collector = parse_address(found->url);
  if (!collector) return fail(collector.error());
  collector->headers = std::move(found->headers);
  exporter_settings settings;
  settings.resource = std::move(found->resource);
  settings.resource.emplace_back("service.version", std::string(release::version));
  settings.send = [to = std::move(*collector), path = found->path](std::string json) {
    return send(to, path, std::move(json));
  };
  settings.warn = [log](std::string_view line) { log->warn("traces: {}", line); };
  return std::make_shared<span_exporter>(std::move(settings));
}

}  // namespace troupe::cli
