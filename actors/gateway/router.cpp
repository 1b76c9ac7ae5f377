#include "actors/gateway/router.hpp"

#include <algorithm>
#include <array>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

namespace troupe::gateway {
namespace {

constexpr std::string_view read_methods = "GET, HEAD";
constexpr std::string_view write_methods = "POST";
constexpr std::string_view id_mark = "{id}";

struct entry {
  route target;
  std::string_view path;
  std::string_view allow;
};

constexpr std::array<entry, 27> table{{
    {route::chat_completions, "/v1/chat/completions", write_methods},
    {route::completions, "/v1/completions", write_methods},
    {route::dashscope_generation, "/api/v1/services/aigc/text-generation/generation",
     write_methods},
    {route::resume_chat, "/v1/chat/completions/{id}", "GET"},
    {route::resume_completion, "/v1/completions/{id}", "GET"},
    {route::resume_dashscope, "/api/v1/services/aigc/text-generation/generation/{id}", "GET"},
    {route::responses, "/v1/responses", write_methods},
    {route::response_cancel, "/v1/responses/{id}/cancel", write_methods},
    {route::response_items, "/v1/responses/{id}/input_items", "GET"},
    {route::response, "/v1/responses/{id}", "GET, DELETE"},
    {route::files, "/v1/files", "GET, POST"},
    {route::file_content, "/v1/files/{id}/content", "GET"},
    {route::file, "/v1/files/{id}", "GET, DELETE"},
    {route::batches, "/v1/batches", "GET, POST"},
    {route::batch_cancel, "/v1/batches/{id}/cancel", write_methods},
    {route::batch, "/v1/batches/{id}", "GET"},
    {route::models, "/v1/models", read_methods},
    {route::model, "/v1/models/{id}", read_methods},
    {route::health, "/health", read_methods},
    {route::metrics, "/metrics", read_methods},
    {route::tokenize, "/tokenize", write_methods},
    {route::detokenize, "/detokenize", write_methods},
    {route::tokenizer_info, "/tokenizer_info", read_methods},
    {route::cluster, "/cluster", read_methods},
    {route::cluster_drain, "/cluster/drain", write_methods},
    {route::openapi, "/openapi.json", read_methods},
    {route::unknown, "other", {}},
}};

bool fits(std::string_view method, std::string_view allow) {
  for (std::string_view rest = allow; !rest.empty();) {
    const std::size_t end = std::min(rest.find(", "), rest.size());
    if (rest.substr(0, end) == method) return true;
    rest.remove_prefix(std::min(end + 2, rest.size()));
  }
  return false;
}

/// What of `path` stands for the entry's {id}: all that is there, with its slashes. None: the path
/// is not the entry's.
std::optional<std::string_view> match(const entry& e, std::string_view path) {
  const std::size_t mark = e.path.find(id_mark);
  if (mark == std::string_view::npos) {
    if (e.allow.empty() || e.path != path) return std::nullopt;
    return std::string_view();
  }
  const std::string_view prefix = e.path.substr(0, mark);
  const std::string_view suffix = e.path.substr(mark + id_mark.size());
  if (path.size() <= prefix.size() + suffix.size() || !path.starts_with(prefix) ||
      !path.ends_with(suffix))
    return std::nullopt;
  return path.substr(prefix.size(), path.size() - prefix.size() - suffix.size());
}

std::optional<boost::urls::url_view> parse_target(std::string_view target) {
  const boost::core::string_view text(target.data(), target.size());
  const auto url = target.starts_with('/') ? boost::urls::parse_origin_form(text)
                                           : boost::urls::parse_absolute_uri(text);
  if (!url || !(url->scheme().empty() || url->scheme_id() == boost::urls::scheme::http ||
                url->scheme_id() == boost::urls::scheme::https))
    return std::nullopt;
  return *url;
}

}  // namespace

routed find_route(std::string_view method, std::string_view path) {
  for (const entry& e : table)
    if (const auto argument = match(e, path))
      return {e.target, *argument, e.allow, fits(method, e.allow)};
  return {};
}

std::vector<known_path> known_paths() {
  std::vector<known_path> all;
  for (const entry& e : table)
    if (!e.allow.empty()) all.push_back({e.path, e.allow});
  return all;
}

std::string_view label(route r) {
  for (const entry& e : table)
    if (e.target == r) return e.path;
  return table.back().path;
}

bool decode_path(std::string_view target, std::string& path) {
  const auto url = parse_target(target);
  if (!url) return false;
  path = url->path();
  return true;
}

std::optional<std::string> query_parameter(std::string_view target, std::string_view key) {
  const auto url = parse_target(target);
  if (!url) return std::nullopt;
  const auto parameters = url->params();
  const auto found = parameters.find(boost::core::string_view(key.data(), key.size()));
  if (found == parameters.end()) return std::nullopt;
  return std::string((*found).value);
}

}  // namespace troupe::gateway
