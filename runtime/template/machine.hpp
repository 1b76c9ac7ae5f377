#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/template/budget.hpp"
#include "runtime/template/chat_template.hpp"
#include "runtime/template/value.hpp"

namespace troupe::jinja {

/// One rendering in progress: its limits, its first failure, and the making of values.
///
/// The first failure sticks: `fail` records it and gives undefined, every later step refuses, and
/// loops end when `step` says so. What is computed in between is thrown away, so the code that
/// computes needs no branch of its own for errors. Not thread-safe.
class machine {
 public:
  machine(const template_limits& limits, std::function<std::int64_t()> now);

  /// Records a failure of the template or its input, at the current line; gives undefined.
  template <class... Args>
  value fail(fmt::format_string<Args...> format, Args&&... args) {
    return fail_with(errc::invalid_argument, fmt::format(format, std::forward<Args>(args)...));
  }
  value fail_with(errc code, const std::string& message);
  /// Records a failure whose message stands alone: what the template itself raises.
  value raise(std::string message);
  [[nodiscard]] bool failed() const { return error_.has_value(); }
  [[nodiscard]] const std::optional<error>& failure() const { return error_; }

  /// Pays for work; false when it may not go on.
  [[nodiscard]] bool step(std::size_t cost = 1);
  /// Pays for a search of `part` bytes in `text` bytes, which may compare all of both at each
  /// place.
  [[nodiscard]] bool step_search(std::size_t text, std::size_t part);
  /// False, with the failure recorded, when `bytes` more would pass the memory limit.
  [[nodiscard]] bool room(std::size_t bytes);
  /// One level deeper; false, with the failure recorded, when that is too deep. `leave` follows
  /// either way.
  [[nodiscard]] bool enter();
  void leave() { --depth_; }

  /// The line of the template that is being evaluated.
  void at_line(std::size_t line) { line_ = line; }
  [[nodiscard]] std::size_t line() const { return line_; }
  [[nodiscard]] std::int64_t now() const { return now_(); }

  [[nodiscard]] value text(std::string bytes, bool markup = false);
  [[nodiscard]] value list(std::vector<value> items, sequence_kind kind = sequence_kind::list);
  [[nodiscard]] value tuple(std::vector<value> items) {
    return list(std::move(items), sequence_kind::tuple);
  }
  [[nodiscard]] value dict(std::vector<dict_object::entry> entries);
  template <class Object, class... Args>
  [[nodiscard]] value make(Args&&... args) {
    budget_.take(object_cost);
    return keep(std::make_shared<Object>(std::forward<Args>(args)...));
  }
  [[nodiscard]] value undefined(std::string message);

  /// Appends to the current output: the answer, or what a capture collects.
  void write(std::string_view bytes);

  /// Collects what is written while it lives, for macros, blocks and loops that recurse.
  class capture {
   public:
    explicit capture(machine& m) : machine_(m), before_(std::exchange(m.out_, &text_)) {}
    capture(const capture&) = delete;
    capture& operator=(const capture&) = delete;
    ~capture();
    [[nodiscard]] value take();

   private:
    machine& machine_;
    std::string text_;
    std::string* before_;
  };

  /// Keeps `cleanup` for the end of the rendering, when what may point at itself is taken apart.
  void at_end(std::function<void()> cleanup);
  ~machine();
  machine(const machine&) = delete;
  machine& operator=(const machine&) = delete;

  [[nodiscard]] std::string take_output() { return std::move(output_); }

 private:
  static constexpr std::size_t object_cost = 128;

  [[nodiscard]] value keep(value::object_pointer made);

  template_limits limits_;
  std::function<std::int64_t()> now_;
  memory_budget budget_;
  std::optional<error> error_;
  std::size_t steps_left_;
  std::size_t depth_ = 0;
  std::size_t line_ = 1;
  std::string output_;
  std::string* out_ = &output_;
  std::vector<std::function<void()>> cleanups_;
};

}  // namespace troupe::jinja
