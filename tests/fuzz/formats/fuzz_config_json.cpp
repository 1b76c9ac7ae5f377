#include <boost/json/object.hpp>
#include <cstddef>
#include <cstdint>

#include "runtime/formats/json_reader.hpp"
#include "runtime/model/hugging_face_config.hpp"

/// config.json, and the same text as generation_config.json.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto value = troupe::parse_json({reinterpret_cast<const char*>(data), size});
  if (!value || !value->is_object()) return 0;
  static_cast<void>(troupe::read_hugging_face_config(value->get_object()));
  static_cast<void>(troupe::read_generation_defaults(value->get_object()));
  return 0;
}
