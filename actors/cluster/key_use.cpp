#include "actors/cluster/key_use.hpp"

#include <algorithm>

#include "runtime/wire/frames.hpp"

namespace troupe {

void send_key_use(data_port& port, std::span<const peer_id> to, std::uint32_t sharers,
                  std::span<const key_taken> taken) {
  bool told = sharers == 0;
  while (!told || !taken.empty()) {
    const auto part = taken.first(std::min(taken.size(), key_news::most));
    const auto header = encode_key_news({sharers, {part.begin(), part.end()}});
    for (const peer_id peer : to) (void)port.send(peer, {frames::key_use, header, {}});
    taken = taken.subspan(part.size());
    told = true;
  }
}

}  // namespace troupe
