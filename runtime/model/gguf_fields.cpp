#include "runtime/model/gguf_fields.hpp"

#include <limits>
#include <utility>

namespace troupe {

gguf_fields::gguf_fields(const gguf_metadata& metadata, std::string_view architecture)
    : metadata_(&metadata), prefix_(std::string(architecture) + ".") {}

std::string gguf_fields::full(std::string_view key) const { return prefix_ + std::string(key); }

void gguf_fields::record(error e) {
  if (!failure_) failure_ = std::move(e);
}

template <class T>
std::optional<T> gguf_fields::take(result<std::optional<T>> value) {
  if (value) return *std::move(value);
  record(std::move(value.error()));
  return std::nullopt;
}

std::uint32_t gguf_fields::count(std::string_view key, std::optional<std::uint32_t> fallback) {
  const std::string name = full(key);
  const auto value = take(metadata_->integer(name));
  if (!value) {
    if (!fallback) record(error(errc::corrupt, fmt::format("metadata '{}' is missing", name)));
    return fallback.value_or(0);
  }
  if (*value < 0 || *value > std::numeric_limits<std::uint32_t>::max()) {
    record(error(errc::corrupt, fmt::format("metadata '{}' is {}", name, *value)));
    return 0;
  }
  return static_cast<std::uint32_t>(*value);
}

std::optional<double> gguf_fields::number(std::string_view key) {
  return take(metadata_->number(full(key)));
}

bool gguf_fields::flag(std::string_view key, bool fallback) {
  return take(metadata_->flag(full(key))).value_or(fallback);
}

std::string_view gguf_fields::text(std::string_view key, std::string_view fallback) {
  return take(metadata_->text(full(key))).value_or(fallback);
}

}  // namespace troupe
