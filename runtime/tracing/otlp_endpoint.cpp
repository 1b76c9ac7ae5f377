#include "runtime/tracing/otlp_endpoint.hpp"

#include <algorithm>
#include <boost/url/parse.hpp>
#include <boost/url/pct_string_view.hpp>
#include <boost/url/url_view.hpp>

namespace troupe {
namespace {

constexpr std::string_view traces = "/v1/traces";

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

/// "a=b,c=d", percent-encoded as W3C's baggage; what is no pair is left out.
std::vector<std::pair<std::string, std::string>> pairs_of(std::string_view list) {
  std::vector<std::pair<std::string, std::string>> all;
  while (!list.empty()) {
    const std::string_view one = list.substr(0, list.find(','));
    list.remove_prefix(std::min(one.size() + 1, list.size()));
    const std::size_t at = one.find('=');
    if (at == std::string_view::npos || trimmed(one.substr(0, at)).empty()) continue;
    const std::string_view value = trimmed(one.substr(at + 1));
    const auto decoded = boost::urls::make_pct_string_view({value.data(), value.size()});
    std::string text;
    if (decoded)
      decoded->decode({}, boost::urls::string_token::assign_to(text));
    else
      text = value;
    all.emplace_back(trimmed(one.substr(0, at)), std::move(text));
  }
  return all;
}

std::string with_traces(std::string base) {
  while (base.ends_with('/')) base.pop_back();
  return base += traces;
}

std::string url_of(std::string_view configured, const environment& variable) {
  if (!configured.empty()) return with_traces(std::string(configured));
  if (variable("OTEL_SDK_DISABLED") == "true") return {};
  std::string own = variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
  if (!own.empty()) return own;
  std::string base = variable("OTEL_EXPORTER_OTLP_ENDPOINT");
  return base.empty() ? base : with_traces(std::move(base));
}

}  // namespace

result<otlp_endpoint> find_otlp_endpoint(std::string_view configured, const environment& variable) {
  otlp_endpoint made;
  made.url = url_of(configured, variable);
  if (made.url.empty()) return made;
  const auto parsed = boost::urls::parse_uri({made.url.data(), made.url.size()});
  if (!parsed || parsed->host().empty() ||
      (parsed->scheme() != "http" && parsed->scheme() != "https"))
    return fail(errc::invalid_argument,
                "'{}' is no address of a collector, such as http://127.0.0.1:4318",
                made.url.substr(0, 200));
  const auto path = parsed->encoded_path();
  made.path = path.empty() ? "/" : std::string(path.data(), path.size());
  made.headers = pairs_of(variable("OTEL_EXPORTER_OTLP_HEADERS"));
  std::string name = variable("OTEL_SERVICE_NAME");
  std::vector<span_attribute> more;
  for (auto& [key, value] : pairs_of(variable("OTEL_RESOURCE_ATTRIBUTES"))) {
    if (key != "service.name")
      more.emplace_back(key, value);
    else if (name.empty())
      name = value;
  }
  made.resource.emplace_back("service.name", name.empty() ? std::string("troupe") : name);
  made.resource.insert(made.resource.end(), more.begin(), more.end());
  return made;
}

}  // namespace troupe
