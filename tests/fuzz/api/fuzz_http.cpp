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

struct reading {
  std::vector<http_request> requests;
  unsigned refused = 0;
};

/// Reads all as a connection does: what is not taken is offered again, with `step` bytes more.
reading read_all(std::string_view bytes, std::size_t step) {
  troupe::http_limits limits;
  limits.line_bytes = 256;
  limits.header_bytes = 1024;
  limits.body_bytes = 1024;
  limits.upload_bytes = 2048;
  http_reader reader(limits);
  reading all;
  std::string held;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(step, bytes.size()))) {
    held += bytes.substr(0, step);
    while (!held.empty()) {
      const std::size_t taken = reader.feed(held);
      if (taken > held.size()) std::abort();
      held.erase(0, taken);
      if (reader.now() == state::complete) {
        all.requests.push_back(reader.take());
        if (all.requests.back().body.size() > limits.upload_bytes) std::abort();
      } else if (reader.now() == state::refused) {
        all.refused = reader.refusal().status;
        if (all.refused < 400 || all.refused > 599 || reader.refusal().message.empty())
          std::abort();
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
  const reading whole = read_all(bytes, size);
  for (const std::size_t step : {1U, 7U}) {
    const reading cut = read_all(bytes, step);
    if (cut.requests.size() != whole.requests.size() || (cut.refused == 0) != (whole.refused == 0))
      std::abort();
    for (std::size_t i = 0; i < cut.requests.size(); ++i) {
      const http_request& a = whole.requests[i];
      const http_request& b = cut.requests[i];
      if (a.method != b.method || a.path != b.path || a.body != b.body || a.target != b.target ||
          a.keep_alive != b.keep_alive)
        std::abort();
    }
  }
  return 0;
}
