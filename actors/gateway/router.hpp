#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::gateway {

enum class route : std::uint8_t {
  chat_completions,
  completions,
  dashscope_generation,
  resume_chat,
  resume_completion,
  resume_dashscope,
  responses,
  response,
  response_cancel,
  response_items,
  files,
  file,
  file_content,
  batches,
  batch,
  batch_cancel,
  models,
  model,
  health,
  metrics,
  tokenize,
  detokenize,
  tokenizer_info,
  cluster,
  cluster_drain,
  openapi,
  unknown,
};

/// What a request asks for, and whether its method fits.
struct routed {
  route target = route::unknown;
  std::string_view argument;  ///< what stands for {id} in the route's path
  std::string_view allow;     ///< methods the path answers to; empty for an unknown path
  bool method_fits = false;
};

/// A path and the methods it answers to, as the header Allow has them.
struct known_path {
  std::string_view path;  ///< with the parts that vary in braces
  std::string_view allow;
};

/// Every path of the server.
[[nodiscard]] std::vector<known_path> known_paths();

/// Pure: looks at nothing but its arguments. `path` is percent-decoded and without the query;
/// `argument` points into it.
[[nodiscard]] routed find_route(std::string_view method, std::string_view path);

/// The path as metrics and logs name it; bounded in number whatever clients ask for.
[[nodiscard]] std::string_view label(route r);

/// The path of a request target, percent-decoded: of "/p?q" and of "http://host/p?q". False where
/// the target is neither.
[[nodiscard]] bool decode_path(std::string_view target, std::string& path);

/// A parameter of a request target's query, decoded; none where it is missing or the target is no
/// path.
[[nodiscard]] std::optional<std::string> query_parameter(std::string_view target,
                                                         std::string_view key);

}  // namespace troupe::gateway
