#include "runtime/formats/gguf_value.hpp"

namespace troupe {
namespace {

constexpr int deepest_array = 4;

/// Bytes of a value of fixed size; 0 for strings, arrays and unknown types.
std::uint64_t fixed_size(gguf_type type) {
  switch (type) {
    case gguf_type::u8:
    case gguf_type::i8:
    case gguf_type::boolean:
      return 1;
    case gguf_type::u16:
    case gguf_type::i16:
      return 2;
    case gguf_type::u32:
    case gguf_type::i32:
    case gguf_type::f32:
      return 4;
    case gguf_type::u64:
    case gguf_type::i64:
    case gguf_type::f64:
      return 8;
    case gguf_type::string:
    case gguf_type::array:
      break;
  }
  return 0;
}

tl::unexpected<error> past_the_end() { return fail(errc::corrupt, "the value ends past the file"); }

template <class Stored, class Wide>
result<gguf_value> scalar(byte_cursor& in) {
  const auto value = in.read<Stored>();
  if (!value) return past_the_end();
  return gguf_value(static_cast<Wide>(*value));
}

result<gguf_value> read_array(byte_cursor& in, int depth) {
  if (depth >= deepest_array)
    return fail(errc::corrupt, "arrays nested deeper than {}", deepest_array);
  const auto type = in.read<std::uint32_t>();
  const auto count = in.read<std::uint64_t>();
  if (!type || !count) return past_the_end();
  const auto element = static_cast<gguf_type>(*type);
  byte_cursor walk = in;
  if (const std::uint64_t size = fixed_size(element); size > 0) {
    if (*count > walk.remaining() / size) return past_the_end();
    (void)walk.take(*count * size);
  } else if (element == gguf_type::string || element == gguf_type::array) {
    // Each element takes at least eight bytes, so this loop ends with the file at the latest.
    for (std::uint64_t i = 0; i < *count; ++i) {
      const auto value = read_gguf_value(walk, element, depth + 1);
      if (!value) return fail(value.error());
    }
  } else {
    return fail(errc::corrupt, "array of unknown type {}", *type);
  }
  const std::uint64_t length = walk.position() - in.position();
  return gguf_value(gguf_array{element, *count, *in.take(length)});
}

}  // namespace

result<gguf_value> read_gguf_value(byte_cursor& in, gguf_type type, int depth) {
  switch (type) {
    case gguf_type::u8:
      return scalar<std::uint8_t, std::uint64_t>(in);
    case gguf_type::i8:
      return scalar<std::int8_t, std::int64_t>(in);
    case gguf_type::u16:
      return scalar<std::uint16_t, std::uint64_t>(in);
    case gguf_type::i16:
      return scalar<std::int16_t, std::int64_t>(in);
    case gguf_type::u32:
      return scalar<std::uint32_t, std::uint64_t>(in);
    case gguf_type::i32:
      return scalar<std::int32_t, std::int64_t>(in);
    case gguf_type::u64:
      return scalar<std::uint64_t, std::uint64_t>(in);
    case gguf_type::i64:
      return scalar<std::int64_t, std::int64_t>(in);
    case gguf_type::f32:
      return scalar<float, double>(in);
    case gguf_type::f64:
      return scalar<double, double>(in);
    case gguf_type::boolean: {
      const auto value = in.read<std::uint8_t>();
      if (!value) return past_the_end();
      if (*value > 1) return fail(errc::corrupt, "{} is no boolean", *value);
      return gguf_value(*value == 1);
    }
    case gguf_type::string: {
      const auto value = in.text();
      if (!value) return past_the_end();
      return gguf_value(*value);
    }
    case gguf_type::array:
      return read_array(in, depth);
  }
  return fail(errc::corrupt, "unknown value type {}", static_cast<std::uint32_t>(type));
}

}  // namespace troupe
