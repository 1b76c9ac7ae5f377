#include "runtime/tracing/otlp_endpoint.hpp"

#include <doctest/doctest.h>

#include <map>
#include <string>

using namespace troupe;

namespace {

result<otlp_endpoint> find(std::string_view configured, std::map<std::string, std::string> set) {
  return find_otlp_endpoint(configured, [&set](const char* name) { return set[name]; });
}

}  // namespace

TEST_CASE("the setting wins over the environment, and its own variable over the common one") {
  CHECK(find("", {})->url.empty());
  const std::map<std::string, std::string> both{
      {"OTEL_EXPORTER_OTLP_ENDPOINT", "http://common:4318/"},
      {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://own/in"}};
  CHECK(find("http://set:1", both)->url == "http://set:1/v1/traces");
  CHECK(find("", both)->url == "https://own/in");
  CHECK(find("", both)->path == "/in");
  const auto common = find("", {{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://common:4318/base/"}});
  CHECK(common->url == "http://common:4318/base/v1/traces");
  CHECK(common->path == "/base/v1/traces");
  CHECK(find("", {{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://a"}, {"OTEL_SDK_DISABLED", "true"}})
            ->url.empty());
}

TEST_CASE("headers and names come from the environment") {
  const auto found = find("http://a", {{"OTEL_EXPORTER_OTLP_HEADERS", "x-key=a%20b, y = c,,none"},
                                       {"OTEL_RESOURCE_ATTRIBUTES", "service.name=r,zone=z"},
                                       {"OTEL_SERVICE_NAME", "mine"}});
  REQUIRE(found->headers.size() == 2);
  CHECK(found->headers[0] == std::pair<std::string, std::string>("x-key", "a b"));
  CHECK(found->headers[1] == std::pair<std::string, std::string>("y", "c"));
  REQUIRE(found->resource.size() == 2);
  CHECK(found->resource[0] == span_attribute("service.name", std::string("mine")));
  CHECK(found->resource[1] == span_attribute("zone", std::string("z")));
}

TEST_CASE("what is no address of a collector is said") {
  for (const char* bad : {"collector:4318", "ftp://a", "http://", "grpc://a:1"})
    CHECK_MESSAGE(!find(bad, {}).has_value(), bad);
}
