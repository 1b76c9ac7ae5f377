#pragma once

#include <boost/json/value.hpp>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "runtime/base/result.hpp"

namespace troupe {

/// Bounds on one rendering, so that a template from a stranger cannot hang or exhaust the server.
struct template_limits {
  std::size_t steps = 20'000'000;          ///< evaluation steps
  std::size_t output_bytes = 16U << 20U;   ///< rendered text
  std::size_t memory_bytes = 256U << 20U;  ///< strings and lists built on the way
  std::size_t depth = 200;                 ///< nesting of expressions, blocks and macro calls
};

/// A compiled Jinja chat template. It renders what jinja2 renders in the set-up of transformers: an
/// immutable sandbox with trim_blocks and lstrip_blocks, break and continue, `generation` blocks,
/// raise_exception, strftime_now, and tojson without HTML escapes. The tags import, include,
/// extends, block, do and autoescape, and the filters random and urlize, are refused.
/// Immutable; any thread may render.
class chat_template {
 public:
  /// Fails with invalid_argument and a line number when the source is not valid Jinja.
  [[nodiscard]] static result<std::shared_ptr<const chat_template>> compile(
      std::string_view source, template_limits limits = {});

  chat_template(const chat_template&) = delete;
  chat_template& operator=(const chat_template&) = delete;
  ~chat_template();

  /// `variables` holds what the template sees: messages, tools, documents, add_generation_prompt,
  /// bos_token, eos_token, and any of the request's chat_template_kwargs. Templates are written for
  /// tools and documents that are null, not missing, when a request has none. A template's own
  /// raise_exception gives invalid_argument with its message alone; other failures name the line;
  /// a passed limit gives out_of_range.
  [[nodiscard]] result<std::string> render(const boost::json::object& variables) const;

  /// Seconds since 1970, for strftime_now; injected so that tests are repeatable. The template sees
  /// them in the time zone that TZ names, in UTC without TZ.
  using clock = std::function<std::int64_t()>;
  [[nodiscard]] result<std::string> render(const boost::json::object& variables,
                                           const clock& now) const;

 private:
  struct program;
  explicit chat_template(std::unique_ptr<program> p);
  std::unique_ptr<program> program_;
};

}  // namespace troupe
