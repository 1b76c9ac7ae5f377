#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "runtime/template/evaluator.hpp"
#include "runtime/template/iterate.hpp"

namespace troupe::jinja {

/// The variable `loop`: where a loop stands, and how a recursive one goes deeper.
class loop_object final : public object {
 public:
  loop_object(evaluator& e, const for_statement& loop, std::shared_ptr<scope> around, value source,
              std::size_t depth)
      : evaluator_(e),
        loop_(loop),
        around_(std::move(around)),
        source_(std::move(source)),
        depth_(depth) {}

  /// False, with a failure recorded, when the source cannot be iterated.
  [[nodiscard]] bool open(machine& m);
  /// Moves to the next item.
  [[nodiscard]] std::optional<value> advance(machine& m);

  [[nodiscard]] std::string_view type_name() const override { return "LoopContext"; }
  [[nodiscard]] std::string show(machine& m) const override;
  [[nodiscard]] std::optional<value> attribute(machine& m, std::string_view name) override;
  [[nodiscard]] bool callable() const override { return true; }
  [[nodiscard]] value call(machine& m, arguments& args) override;
  [[nodiscard]] std::optional<std::size_t> length(machine& m) override;
  [[nodiscard]] std::size_t depth() const override { return source_.depth() + 1; }
  /// loop.cycle and loop.changed.
  [[nodiscard]] value cycle(machine& m, const arguments& args) const;
  [[nodiscard]] value changed(machine& m, arguments& args);

 private:
  [[nodiscard]] const std::optional<value>& peek(machine& m);
  [[nodiscard]] integer index() const { return index0_ + 1; }

  evaluator& evaluator_;
  const for_statement& loop_;
  std::shared_ptr<scope> around_;
  value source_;
  std::size_t depth_;
  std::optional<cursor> items_;
  integer index0_ = -1;
  std::optional<std::size_t> length_;
  bool peeked_ = false;
  std::optional<value> after_;
  std::optional<value> current_;
  std::optional<value> before_;
  std::optional<value> last_changed_;
};

}  // namespace troupe::jinja
