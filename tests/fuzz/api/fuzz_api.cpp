#include <cstddef>
#include <cstdint>
#include <string_view>

#include "runtime/api/chat_request.hpp"
#include "runtime/api/completion_request.hpp"
#include "runtime/api/prompt.hpp"
#include "tests/fuzz/api/byte_model.hpp"

/// Any body is a request that fits the model, or is refused.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace troupe;
  using fuzz::check;
  const served_model& model = fuzz::byte_model();
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  if (const auto chat = parse_chat_request(body, model); chat)
    check(*chat);
  else
    check(chat.error());
  const auto completion = parse_completion_request(body, model);
  if (!completion) {
    check(completion.error());
    return 0;
  }
  for (std::size_t i = 0; i < completion->prompts.size(); ++i) {
    auto prompt = prepare_completion(model, *completion, i);
    if (!prompt)
      check(prompt.error());
    else
      check(make_generation_request(model, completion->options, std::move(prompt->tokens)));
  }
  return 0;
}
