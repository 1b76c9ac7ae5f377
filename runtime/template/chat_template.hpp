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

/// A compiled Jinja chat template, with the settings transformers uses (trim_blocks, lstrip_blocks,
/// loop controls, the extensions listed in docs). Immutable; any thread may render.
class chat_template {
 public:
  /// Fails with invalid_argument and a line number when the source is not valid Jinja.
  [[nodiscard]] static result<std::shared_ptr<const chat_template>> compile(
      std::string_view source, template_limits limits = {});

  chat_template(const chat_template&) = delete;
  chat_template& operator=(const chat_template&) = delete;
  ~chat_template();

  /// `variables` holds what the template sees: messages, tools, add_generation_prompt, bos_token,
  /// eos_token, and any of the request's chat_template_kwargs. A template's own raise_exception
  /// gives invalid_argument with its message; a passed limit gives out_of_range.
  [[nodiscard]] result<std::string> render(const boost::json::object& variables) const;

  /// Seconds since 1970 and offset of the local time zone for strftime_now; injected so that tests
  /// are repeatable.
  using clock = std::function<std::int64_t()>;
  [[nodiscard]] result<std::string> render(const boost::json::object& variables,
                                           const clock& now) const;

 private:
  struct program;
  explicit chat_template(std::unique_ptr<program> p);
  std::unique_ptr<program> program_;
};

}  // namespace troupe
