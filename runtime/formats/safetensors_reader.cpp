#include "runtime/formats/safetensors_reader.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "runtime/formats/byte_cursor.hpp"
#include "runtime/formats/json_reader.hpp"

namespace troupe {
namespace {

namespace json = boost::json;

constexpr std::uint64_t largest_header = 100'000'000;  // the format's own limit
constexpr std::size_t most_dimensions = 8;

std::optional<kernels::dtype> from_name(std::string_view name) {
  for (const kernels::dtype type :
       {kernels::dtype::f32, kernels::dtype::f16, kernels::dtype::bf16, kernels::dtype::f8_e4m3}) {
    if (kernels::info(type).name == name) return type;
  }
  return std::nullopt;
}

/// A JSON array of whole numbers, or nothing.
std::optional<std::vector<std::uint64_t>> as_sizes(const json::value* value) {
  if (value == nullptr || !value->is_array()) return std::nullopt;
  std::vector<std::uint64_t> out;
  for (const json::value& element : value->get_array()) {
    if (!element.is_int64() || element.get_int64() < 0) return std::nullopt;
    out.push_back(static_cast<std::uint64_t>(element.get_int64()));
  }
  return out;
}

result<stored_tensor> read_tensor(std::string_view name, const json::value& about,
                                  std::span<const std::byte> data) {
  const json::object* const object = about.if_object();
  if (object == nullptr) return fail(errc::corrupt, "tensor '{}' is not an object", name);
  json_fields fields(*object, fmt::format("tensor '{}'", name));
  const std::string_view type_name = fields.text("dtype", "");
  if (fields.failure()) return fail(*fields.failure());
  const auto type = from_name(type_name);
  if (!type)
    return fail(errc::unsupported,
                "tensor '{}' is of type '{}'; troupe reads F32, F16, BF16 and F8_E4M3", name,
                type_name);
  auto shape = as_sizes(fields.find("shape"));
  if (!shape || shape->size() > most_dimensions)
    return fail(errc::corrupt, "tensor '{}' has no valid shape", name);
  const auto offsets = as_sizes(fields.find("data_offsets"));
  if (!offsets || offsets->size() != 2 || (*offsets)[0] > (*offsets)[1])
    return fail(errc::corrupt, "tensor '{}' has no valid data_offsets", name);
  const std::uint64_t begin = (*offsets)[0];
  const std::uint64_t end = (*offsets)[1];
  if (end > data.size())
    return fail(errc::corrupt,
                "tensor '{}' ends at byte {} of {} bytes of data: the file is truncated or damaged",
                name, end, data.size());
  const auto bytes = payload_bytes(*type, *shape);
  if (!bytes) return fail(bytes.error().within(fmt::format("tensor '{}'", name)));
  if (*bytes != end - begin)
    return fail(errc::corrupt, "tensor '{}' has {} bytes, but {} {} takes {}", name, end - begin,
                type_name, to_string(*shape), *bytes);
  return stored_tensor{std::string(name), *type, std::move(*shape), data.subspan(begin, *bytes)};
}

/// The header's text; leaves the cursor at the data.
result<std::string_view> read_header(byte_cursor& in) {
  const auto length = in.read<std::uint64_t>();
  if (!length) return fail(errc::corrupt, "too short for a safetensors file");
  if (*length > largest_header)
    return fail(errc::corrupt, "not a safetensors file: a header of {} bytes", *length);
  const auto raw = in.take(*length);
  if (!raw)
    return fail(errc::corrupt, "the file ends inside its header of {} bytes: it is truncated",
                *length);
  const std::string_view text(reinterpret_cast<const char*>(raw->data()), raw->size());
  if (!text.starts_with('{')) return fail(errc::corrupt, "not a safetensors file");
  return text;
}

}  // namespace

result<std::vector<stored_tensor>> parse_safetensors(std::span<const std::byte> bytes) {
  byte_cursor in(bytes);
  const auto text = read_header(in);
  if (!text) return fail(text.error());
  const auto header = parse_json(*text);
  if (!header) return fail(header.error().within("header"));
  if (const auto twice = duplicate_key(*text))
    return fail(errc::corrupt, "the header has '{}' twice", *twice);
  const auto data = bytes.subspan(in.position());
  std::vector<stored_tensor> out;
  for (const auto& [key, value] : header->get_object()) {
    if (key == "__metadata__") continue;
    auto tensor = read_tensor({key.data(), key.size()}, value, data);
    if (!tensor) return fail(std::move(tensor.error()));
    out.push_back(std::move(*tensor));
  }
  std::ranges::sort(out, {}, [](const stored_tensor& t) { return t.data.data(); });
  const std::byte* expected = data.data();
  for (const stored_tensor& tensor : out) {
    if (tensor.data.data() != expected)
      return fail(errc::corrupt, "tensor '{}' leaves a gap in the data or overlaps another",
                  tensor.name);
    expected += tensor.data.size();
  }
  if (expected != data.data() + data.size())
    return fail(errc::corrupt, "{} bytes after the last tensor",
                data.data() + data.size() - expected);
  return out;
}

}  // namespace troupe
