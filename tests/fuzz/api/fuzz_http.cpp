#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "actors/gateway/http_reader.hpp"

namespace {
using namespace troupe::gateway;
using state = http_reader::state;

/// Reads all as a connection does: what is not taken is offered again, with `step` bytes more.
std::vector<http_request> read_all(std::string_view bytes, std::size_t step) {
  troupe::http_limits limits;
  limits.line_bytes = 256;
  limits.header_bytes = 1024;
  limits.body_bytes = 1024;
  limits.upload_bytes = 2048;
  http_reader reader(limits);
  std::vector<http_request> all;
  std::string held;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(step, bytes.size()))) {
    held += bytes.substr(0, step);
    while (!held.empty()) {
      const std::size_t taken = reader.feed(held);
      if (taken > held.size()) std::abort();
      held.erase(0, taken);
      if (reader.now() == state::complete) {
        all.push_back(reader.take());
        if (all.back().body.size() > limits.upload_bytes) std::abort();
      } else if (reader.now() == state::refused) {
        const http_refusal& why = reader.refusal();
        if (why.status < 400 || why.status > 599 || why.message.empty()) std::abort();
        return all;
      } else if (taken == 0) {
        break;
      }
    }
  }
  return all;
}

}  // namespace

/// Requests are the same however their bytes are cut: nobody can hide one within another.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto whole = read_all(bytes, size);
  for (const std::size_t step : {1U, 7U}) {
    const auto cut = read_all(bytes, step);
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
