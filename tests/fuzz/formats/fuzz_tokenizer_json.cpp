#include <boost/json/object.hpp>
#include <cstddef>
#include <cstdint>

#include "runtime/formats/json_reader.hpp"
#include "runtime/formats/tokenizer_json.hpp"

/// tokenizer.json, and the same text as tokenizer_config.json.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto value = troupe::parse_json({reinterpret_cast<const char*>(data), size});
  if (!value || !value->is_object()) return 0;
  auto spec = troupe::read_tokenizer_json(*value);
  troupe::tokenizer_spec empty;
  static_cast<void>(troupe::apply_tokenizer_config(value->get_object(), spec ? *spec : empty));
  static_cast<void>(troupe::read_chat_template(value->get_object()));
  return 0;
}
