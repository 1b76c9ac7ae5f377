#include "actors/gateway/router.hpp"

#include <array>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

namespace troupe::gateway {
namespace {

constexpr std::string_view read_methods = "GET, HEAD";
constexpr std::string_view write_methods = "POST";
constexpr std::string_view model_prefix = "/v1/models/";

struct entry {
  route target;
  std::string_view path;
  std::string_view allow;
};

constexpr std::array<entry, 13> table{{
    {route::chat_completions, "/v1/chat/completions", write_methods},
    {route::completions, "/v1/completions", write_methods},
    {route::dashscope_generation, "/api/v1/services/aigc/text-generation/generation",
     write_methods},
    {route::models, "/v1/models", read_methods},
    {route::model, "/v1/models/{id}", read_methods},
    {route::health, "/health", read_methods},
    {route::metrics, "/metrics", read_methods},
    {route::tokenize, "/tokenize", write_methods},
    {route::detokenize, "/detokenize", write_methods},
    {route::tokenizer_info, "/tokenizer_info", read_methods},
    {route::cluster, "/cluster", read_methods},
    {route::cluster_drain, "/cluster/drain", write_methods},
    {route::unknown, "other", {}},
}};

bool fits(std::string_view method, std::string_view allow) {
  return allow == write_methods ? method == "POST" : method == "GET" || method == "HEAD";
}

}  // namespace

routed find_route(std::string_view method, std::string_view path) {
  if (path.size() > model_prefix.size() && path.starts_with(model_prefix))
    return {route::model, path.substr(model_prefix.size()), read_methods,
            fits(method, read_methods)};
  for (const entry& e : table)
    if (!e.allow.empty() && e.path == path) return {e.target, {}, e.allow, fits(method, e.allow)};
  return {};
}

std::string_view label(route r) {
  for (const entry& e : table)
    if (e.target == r) return e.path;
  return table.back().path;
}

bool decode_path(std::string_view target, std::string& path) {
  const boost::core::string_view text(target.data(), target.size());
  const auto url = target.starts_with('/') ? boost::urls::parse_origin_form(text)
                                           : boost::urls::parse_absolute_uri(text);
  if (!url || !(url->scheme().empty() || url->scheme_id() == boost::urls::scheme::http))
    return false;
  path = url->path();
  return true;
}

}  // namespace troupe::gateway
