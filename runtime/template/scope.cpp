#include "runtime/template/evaluator.hpp"

namespace troupe::jinja {
namespace {

/// Up to here a search from the front is faster than a table.
constexpr std::size_t few_names = 16;

}  // namespace

scope::scope(std::shared_ptr<scope> parent) : parent_(std::move(parent)) {
  if (parent_) depth_ = parent_->depth_ + 1;
}

std::optional<std::size_t> scope::position(std::string_view name) const {
  if (!index_.empty()) {
    const auto found = index_.find(name);
    return found == index_.end() ? std::nullopt : std::optional(found->second);
  }
  for (std::size_t i = 0; i < names_.size(); ++i) {
    if (names_[i].first == name) return i;
  }
  return {};
}

void scope::set(std::string_view name, value v) {
  if (const auto at = position(name)) {
    names_[*at].second = std::move(v);
    return;
  }
  names_.emplace_back(name, std::move(v));
  if (names_.size() <= few_names) return;
  for (std::size_t i = index_.size(); i < names_.size(); ++i) index_.emplace(names_[i].first, i);
}

const value* scope::find(std::string_view name) const {
  for (const scope* s = this; s != nullptr; s = s->parent_.get()) {
    if (const auto at = s->position(name)) return &s->names_[*at].second;
  }
  return nullptr;
}

void scope::clear() {
  index_.clear();
  names_.clear();
}

}  // namespace troupe::jinja
