#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "runtime/transport/ucx/messages.hpp"
#include "runtime/transport/ucx/sealed_address.hpp"

/// Any bytes are refused, or read as something that is written and read as the same again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace troupe::ucx;
  const auto bytes = std::as_bytes(std::span(data, size));
  if (const auto said = read_greeting(bytes); said) {
    if (!is_greeting(bytes) || read_greeting(encode(*said)).value() != *said) std::abort();
  }
  if (const auto head = read_head(bytes); head) {
    if (is_greeting(bytes) || read_head(encode(*head)).value() != *head) std::abort();
  }
  if (const auto address = open_address(bytes); address) {
    if (!std::ranges::equal(seal_address(*address), bytes)) std::abort();
  }
  return 0;
}
