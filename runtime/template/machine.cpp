#include "runtime/template/machine.hpp"

#include "runtime/template/text.hpp"

namespace troupe::jinja {
namespace {

/// Bytes of text that cost as much time as one step.
constexpr std::size_t bytes_a_step = 64;
constexpr std::size_t text_cost = 96;
constexpr std::size_t entry_cost = 48;
/// A scope or object that is kept to the end, with the variables it names.
constexpr std::size_t cleanup_cost = 512;

}  // namespace

machine::machine(const template_limits& limits, std::function<std::int64_t()> now)
    : limits_(limits),
      now_(std::move(now)),
      budget_(limits.memory_bytes),
      steps_left_(limits.steps) {}

machine::~machine() {
  for (auto& cleanup : cleanups_) cleanup();
}

value machine::fail_with(errc code, const std::string& message) {
  if (!error_) error_ = error(code, fmt::format("chat template, line {}: {}", line_, message));
  return {};
}

value machine::raise(std::string message) {
  if (!error_) error_ = error(errc::invalid_argument, std::move(message));
  return {};
}

bool machine::step(std::size_t cost) {
  if (error_) return false;
  if (cost > steps_left_) {
    fail_with(errc::out_of_range, fmt::format("rendering takes more than {} steps", limits_.steps));
    return false;
  }
  steps_left_ -= cost;
  return !budget_.exceeded() || room(0);
}

bool machine::step_search(std::size_t text, std::size_t part) {
  const std::size_t places = text >= part ? text - part + 1 : 0;
  return step(1 + text / bytes_a_step + places / bytes_a_step * (part / bytes_a_step));
}

bool machine::room(std::size_t bytes) {
  if (error_) return false;
  if (budget_.has_room(bytes) && !budget_.exceeded()) return true;
  fail_with(errc::out_of_range,
            fmt::format("rendering takes more than {} bytes of memory", limits_.memory_bytes));
  return false;
}

bool machine::enter() {
  ++depth_;
  if (error_) return false;
  if (depth_ <= limits_.depth) return true;
  fail_with(errc::out_of_range, fmt::format("nesting is deeper than {} levels", limits_.depth));
  return false;
}

value machine::text(std::string bytes, bool markup) {
  if (!step(1 + bytes.size() / bytes_a_step)) return {};
  auto made = std::make_shared<text_object>();
  made->points = count_points(bytes);
  made->markup = markup;
  made->cost = charge(&budget_, bytes.size() + text_cost);
  made->bytes = std::move(bytes);
  return value(value::text_pointer(std::move(made)));
}

value machine::list(std::vector<value> items, sequence_kind kind) {
  if (!step(1 + items.size() / 8)) return {};
  charge cost(&budget_, items.size() * sizeof(value) + text_cost);
  value made(
      value::list_pointer(std::make_shared<list_object>(std::move(items), kind, std::move(cost))));
  if (made.depth() > limits_.depth) {
    return fail_with(errc::out_of_range,
                     fmt::format("lists nest deeper than {} levels", limits_.depth));
  }
  return made;
}

value machine::dict(std::vector<dict_object::entry> entries) {
  if (!step(1 + entries.size())) return {};
  charge cost(&budget_, entries.size() * (2 * sizeof(value) + entry_cost) + text_cost);
  value made(value::dict_pointer(
      std::make_shared<dict_object>(*this, std::move(entries), std::move(cost))));
  if (made.depth() > limits_.depth) {
    return fail_with(errc::out_of_range,
                     fmt::format("mappings nest deeper than {} levels", limits_.depth));
  }
  return made;
}

value machine::keep(value::object_pointer made) {
  if (made->depth() > limits_.depth) {
    return fail_with(errc::out_of_range,
                     fmt::format("values nest deeper than {} levels", limits_.depth));
  }
  return value(std::move(made));
}

value machine::undefined(std::string message) {
  const value said = text(std::move(message));
  if (said.text() == nullptr) return {};
  return value::undefined(said.share_text());
}

void machine::write(std::string_view bytes) {
  if (!step(1 + bytes.size() / bytes_a_step)) return;
  if (bytes.size() > limits_.output_bytes || out_->size() > limits_.output_bytes - bytes.size()) {
    fail_with(errc::out_of_range,
              fmt::format("the result is longer than {} bytes", limits_.output_bytes));
    return;
  }
  if (out_ != &output_) {
    if (!room(bytes.size())) return;
    budget_.take(bytes.size());
  }
  *out_ += bytes;
}

machine::capture::~capture() {
  machine_.budget_.give(text_.size());
  machine_.out_ = before_;
}

value machine::capture::take() { return machine_.text(text_); }

void machine::at_end(std::function<void()> cleanup) {
  budget_.take(cleanup_cost);
  cleanups_.push_back(std::move(cleanup));
}

}  // namespace troupe::jinja
