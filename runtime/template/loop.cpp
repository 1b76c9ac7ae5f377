#include "runtime/template/loop.hpp"

#include "runtime/template/globals.hpp"
#include "runtime/template/operators.hpp"

namespace troupe::jinja {
namespace {

value call_cycle(machine& m, const value& self, arguments& args) {
  return dynamic_cast<const loop_object&>(*self.thing()).cycle(m, args);
}

value call_changed(machine& m, const value& self, arguments& args) {
  return dynamic_cast<loop_object&>(*self.thing()).changed(m, args);
}

}  // namespace

bool loop_object::open(machine& m) {
  items_ = cursor::open(m, source_);
  return items_.has_value();
}

std::optional<value> loop_object::advance(machine& m) {
  if (!items_) return {};
  auto item = peeked_ ? std::exchange(after_, std::nullopt) : items_->next(m);
  peeked_ = false;
  if (!item) return {};
  ++index0_;
  before_ = std::exchange(current_, item);
  return item;
}

const std::optional<value>& loop_object::peek(machine& m) {
  if (!peeked_ && items_) after_ = items_->next(m);
  peeked_ = true;
  return after_;
}

std::optional<std::size_t> loop_object::length(machine& m) {
  if (length_) return length_;
  length_ = length_of(m, source_);
  if (length_) return length_;
  // An iterator has no length before it is read to its end; what is read goes on from a list.
  std::vector<value> rest;
  while (auto item = items_ ? items_->next(m) : std::nullopt) rest.push_back(std::move(*item));
  const std::size_t ahead = after_ ? 1 : 0;
  length_ = rest.size() + static_cast<std::size_t>(index()) + ahead;
  items_ = cursor::open(m, m.list(std::move(rest)));
  return length_;
}

std::string loop_object::show(machine& /*m*/) const { return "<LoopContext>"; }

std::optional<value> loop_object::attribute(machine& m, std::string_view name) {
  if (name == "index") return value(index());
  if (name == "index0") return value(index0_);
  if (name == "first") return value(index0_ == 0);
  if (name == "last") return value(!peek(m).has_value());
  if (name == "length") return value(*length(m));
  if (name == "revindex") return value(static_cast<integer>(*length(m)) - index0_);
  if (name == "revindex0") return value(static_cast<integer>(*length(m)) - index());
  if (name == "depth") return value(depth_ + 1);
  if (name == "depth0") return value(depth_);
  if (name == "previtem") {
    if (index0_ == 0 || !before_) return m.undefined("there is no previous item");
    return *before_;
  }
  if (name == "nextitem") {
    const auto& item = peek(m);
    return item ? *item : m.undefined("there is no next item");
  }
  if (name == "cycle") return m.make<bound_method>(value(shared_from_this()), name, &call_cycle);
  if (name == "changed")
    return m.make<bound_method>(value(shared_from_this()), name, &call_changed);
  return {};
}

value loop_object::cycle(machine& m, const arguments& args) const {
  if (args.positional.empty()) return m.fail("no items for cycling given");
  const auto size = static_cast<integer>(args.positional.size());
  return args.positional[static_cast<std::size_t>(index0_ % size)];
}

value loop_object::changed(machine& m, arguments& args) {
  if (!last_changed_) {
    // What is remembered may hold this loop itself.
    m.at_end([self = shared_from_this(), this] { last_changed_.reset(); });
  }
  value seen = m.tuple(std::move(args.positional));
  const bool differs = !last_changed_ || !equal(m, *last_changed_, seen);
  if (differs) last_changed_ = std::move(seen);
  return value(differs);
}

value loop_object::call(machine& m, arguments& args) {
  if (!loop_.recursive) return m.fail("the loop must have the 'recursive' marker to be called");
  if (args.positional.size() != 1 || !args.named.empty())
    return m.fail("loop() takes one argument");
  value v;
  if (m.enter()) {
    machine::capture capture(m);
    evaluator_.run_loop(loop_, args.positional.front(), depth_ + 1, around_);
    v = capture.take();
  }
  m.leave();
  return v;
}

}  // namespace troupe::jinja
