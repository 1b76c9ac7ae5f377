#include <boost/json.hpp>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "runtime/template/chat_template.hpp"

/// Any bytes may be a template; it must compile or be refused, and render or fail within limits.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const boost::json::object variables =
      boost::json::parse(R"({"messages": [{"role": "system", "content": "Be brief."},
        {"role": "user", "content": "héllo <b>"}, {"role": "assistant", "content": null,
        "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": {"x": [1, 2.5, true]}}}]}],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}],
        "add_generation_prompt": true, "bos_token": "<s>", "n": 7})")
          .as_object();
  troupe::template_limits limits;
  limits.steps = 200'000;
  limits.output_bytes = 1U << 20U;
  limits.memory_bytes = 16U << 20U;
  const std::string_view source(reinterpret_cast<const char*>(data), size);
  if (const auto compiled = troupe::chat_template::compile(source, limits)) {
    static_cast<void>((*compiled)->render(variables, [] { return std::int64_t(1753791000); }));
  }
  return 0;
}
