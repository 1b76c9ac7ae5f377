#include "runtime/api/request_reader.hpp"

#include <algorithm>
#include <cmath>

#include "runtime/api/json_body.hpp"
#include "runtime/config/nearest.hpp"

namespace troupe {
namespace json = boost::json;
namespace {

api_error refusal(tl::unexpected<api_error> u) { return std::move(u.value()); }

std::string_view view(const json::string& s) { return {s.data(), s.size()}; }

}  // namespace

std::optional<std::int64_t> as_integer(const json::value& v) {
  if (const auto* i = v.if_int64()) return *i;
  // Doubles are exact integers up to 2^53.
  constexpr double exact = 9007199254740992.0;
  if (const auto* d = v.if_double(); d != nullptr && std::trunc(*d) == *d && std::abs(*d) <= exact)
    return static_cast<std::int64_t>(*d);
  return std::nullopt;
}

const json::value* request_reader::value(std::string_view key) {
  known_.push_back(key);
  if (error_) return nullptr;
  const json::value* v = object_.if_contains(json::string_view(key.data(), key.size()));
  return v == nullptr || v->is_null() ? nullptr : v;
}

void request_reader::refuse_with(api_error e) {
  if (!error_) error_ = std::move(e);
}

void request_reader::boolean(std::string_view key, bool& out) {
  const json::value* v = value(key);
  if (v == nullptr) return;
  if (!v->is_bool())
    return refuse_with(refusal(refuse(key, "must be a boolean, got {}", kind_name(*v))));
  out = v->get_bool();
}

void request_reader::number(std::string_view key, number_range range, float& out) {
  const json::value* v = value(key);
  if (v == nullptr) return;
  if (!v->is_number())
    return refuse_with(refusal(refuse(key, "must be a number, got {}", kind_name(*v))));
  const double x = v->to_number<double>();
  const bool low = range.above_least ? !(x > range.least) : !(x >= range.least);
  if (!std::isfinite(x) || low || x > range.most)
    return refuse_with(refusal(refuse(key, "must be in {}{}, {}], got {}",
                                      range.above_least ? '(' : '[', range.least, range.most, x)));
  out = static_cast<float>(x);
}

void request_reader::integer(std::string_view key, std::int64_t least, std::int64_t most,
                             std::int64_t& out) {
  const json::value* v = value(key);
  if (v == nullptr) return;
  if (!v->is_number())
    return refuse_with(refusal(refuse(key, "must be an integer, got {}", kind_name(*v))));
  const std::optional<std::int64_t> i = as_integer(*v);
  if (!i && v->is_double())
    return refuse_with(refusal(refuse(key, "must be an integer, got {}", v->get_double())));
  if (!i || *i < least || *i > most)
    return refuse_with(refusal(refuse(key, "must be an integer from {} to {}, got {}", least, most,
                                      i ? fmt::to_string(*i) : fmt::to_string(v->get_uint64()))));
  out = *i;
}

void request_reader::integer(std::string_view key, std::int64_t least, std::int64_t most,
                             std::uint32_t& out) {
  std::int64_t wide = out;
  integer(key, least, most, wide);
  out = static_cast<std::uint32_t>(wide);
}

void request_reader::integer(std::string_view key, std::int64_t least, std::int64_t most,
                             std::optional<std::uint32_t>& out) {
  std::int64_t wide = -1;
  integer(key, least, most, wide);
  if (wide >= 0) out = static_cast<std::uint32_t>(wide);
}

void request_reader::string(std::string_view key, std::string& out) {
  const json::value* v = value(key);
  if (v == nullptr) return;
  if (!v->is_string())
    return refuse_with(refusal(refuse(key, "must be a string, got {}", kind_name(*v))));
  out = view(v->get_string());
}

void request_reader::accept(std::initializer_list<std::string_view> keys) {
  known_.insert(known_.end(), keys.begin(), keys.end());
}

void request_reader::unsupported(std::string_view key, std::string_view reason) {
  unsupported_.push_back(key);
  const json::value* v = value(key);
  if (v == nullptr || (v->is_bool() && !v->get_bool())) return;
  if (v->is_array() && v->get_array().empty()) return;
  api_error e = refusal(refuse(key, "is not supported: {}", reason));
  e.code = "unsupported";
  refuse_with(std::move(e));
}

std::vector<std::string> request_reader::accepted() const {
  std::vector<std::string> out;
  for (const std::string_view key : known_)
    if (std::ranges::find(unsupported_, key) == unsupported_.end()) out.emplace_back(key);
  return out;
}

std::optional<api_error> request_reader::finish() {
  for (const auto& [key, ignored] : object_) {
    if (error_) break;
    const std::string_view name(key.data(), key.size());
    if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
    constexpr std::size_t shown = 64;
    // Names of one or two letters are near to every other such name.
    constexpr std::size_t least_letters = 3;
    if (name.size() < least_letters) continue;
    // Clients send extensions of other servers, which are harmless to leave out; a slip of the
    // fingers is not, as the parameter that was meant would be left out unsaid.
    const std::string_view like = nearest(name, known_);
    if (like.empty()) continue;
    api_error e;
    e.param = name.substr(0, shown);
    e.message =
        fmt::format("Unrecognized request argument supplied: {}. Did you mean {}?", e.param, like);
    e.code = "unknown_parameter";
    error_ = std::move(e);
  }
  return error_;
}

api_result<std::vector<token_id>> read_tokens(const json::array& list, std::uint32_t vocab,
                                              std::string_view what) {
  std::vector<token_id> tokens;
  tokens.reserve(list.size());
  for (const json::value& v : list) {
    const std::optional<std::int64_t> id = as_integer(v);
    if (!id) return refuse(what, "must hold token ids only, got {}", kind_name(v));
    if (*id < 0 || *id >= vocab)
      return refuse(what, "holds token {}: this model's tokens are 0 to {}", *id, vocab - 1);
    tokens.push_back(static_cast<token_id>(*id));
  }
  return tokens;
}

}  // namespace troupe
