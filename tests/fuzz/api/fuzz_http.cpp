#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "tests/actors/gateway/read_requests.hpp"

namespace {
using namespace troupe::gateway;

std::vector<http_request> read_in_steps(std::string_view bytes, std::size_t step) {
  troupe::http_limits limits;
  limits.line_bytes = 256;
  limits.header_bytes = 1024;
  limits.body_bytes = 1024;
  limits.upload_bytes = 2048;
  http_reader reader(limits);
  auto all = read_all(reader, bytes, step);
  for (const http_request& one : all)
    if (one.body.size() > limits.upload_bytes) std::abort();
  const http_refusal& why = reader.refusal();
  if (reader.now() == http_reader::state::refused &&
      (why.status < 400 || why.status > 599 || why.message.empty()))
    std::abort();
  return all;
}

}  // namespace

/// Requests are the same however their bytes are cut: nobody can hide one within another.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto whole = read_in_steps(bytes, size);
  for (const std::size_t step : {1U, 7U}) {
    const auto cut = read_in_steps(bytes, step);
    // What is wrong with a request that has not come whole may be seen sooner or later.
    if (cut.size() != whole.size()) std::abort();
    for (std::size_t i = 0; i < cut.size(); ++i) {
      const http_request& a = whole[i];
      const http_request& b = cut[i];
      if (a.method != b.method || a.path != b.path || a.body != b.body || a.target != b.target ||
          a.keep_alive != b.keep_alive)
        std::abort();
    }
  }
  return 0;
}
