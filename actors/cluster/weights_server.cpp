#include "actors/cluster/weights_server.hpp"

#include <pthread.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "runtime/wire/frames.hpp"

namespace troupe {
namespace {

/// Of all peers together: the windows of a thousand.
constexpr std::size_t most_questions = 4096;
/// Blocks of 1 MiB that are read for their digests before others are looked after.
constexpr std::size_t digests_at_once = 4;

void send(data_port& port, peer_id to, weights_answer answer,
          const std::shared_ptr<const std::vector<std::byte>>& payload) {
  answer.here = payload != nullptr;
  outgoing_frame frame{frames::weights, encode_weights(answer), {}};
  if (payload != nullptr) frame.payload.push_back({std::span(*payload), payload});
  // Refused, the asker asks somebody else once it has waited.
  (void)port.send(to, std::move(frame));
}

}  // namespace

/// Outlives the server where a frame is just being taken.
struct weights_server::inbox {
  std::mutex mutex;
  std::condition_variable_any filled;
  std::deque<question> for_blocks;
  std::deque<question> for_digests;
};

weights_server::weights_server(std::shared_ptr<data_port> port, opener open)
    : port_(std::move(port)), open_(std::move(open)), inbox_(std::make_shared<inbox>()) {
  // Not the port, which holds what is routed.
  port_->route(frames::weights_ask, [inbox = inbox_](incoming_frame&& frame) {
    auto ask = decode_weights_ask(frame.header);
    if (!ask) return;
    const std::lock_guard lock(inbox->mutex);
    std::deque<question>& questions = ask->digests ? inbox->for_digests : inbox->for_blocks;
    if (questions.size() >= most_questions) return;
    questions.push_back({frame.from, std::move(*ask)});
    inbox->filled.notify_one();
  });
  thread_ = std::jthread([this](const std::stop_token& stop) { work(stop); });
}

weights_server::~weights_server() { port_->route(frames::weights_ask, {}); }

void weights_server::work(const std::stop_token& stop) {
  pthread_setname_np(pthread_self(), "troupe.weights");
  inbox& in = *inbox_;
  bool digests_turn = false;  // they and blocks take turns
  for (;;) {
    std::optional<question> next;
    {
      std::unique_lock lock(in.mutex);
      const auto some = [&] { return !in.for_blocks.empty() || !in.for_digests.empty(); };
      if (!in.filled.wait(lock, stop, some) || stop.stop_requested()) return;
      digests_turn = in.for_blocks.empty() || (digests_turn && !in.for_digests.empty());
      std::deque<question>& from = digests_turn ? in.for_digests : in.for_blocks;
      next = std::move(from.front());
      from.pop_front();
    }
    digests_turn = !digests_turn;
    if (answer(*next)) continue;
    const std::lock_guard lock(in.mutex);
    in.for_digests.push_front(std::move(*next));
  }
}

bool weights_server::answer(const question& q) {
  payload bytes;
  if (has_all(q.ask)) {
    if (!q.ask.digests) {
      bytes = read(q.ask.blocks.front());
    } else if (bytes = digests_of(q.ask.blocks); bytes == nullptr) {
      if (find_digests(q.ask.blocks)) return false;
    }
  }
  send(*port_, q.from, {q.ask.digests, false, q.ask.blocks}, bytes);
  return true;
}

bool weights_server::has_all(const weights_ask& ask) {
  if (blocks_ == nullptr) blocks_ = open_();
  return blocks_ != nullptr && std::ranges::all_of(ask.blocks, [&](std::uint32_t block) {
           return block < blocks_->map().blocks() && blocks_->has(block);
         });
}

weights_server::payload weights_server::read(std::uint32_t block) const {
  auto bytes = std::make_shared<std::vector<std::byte>>(blocks_->map().at(block).bytes);
  return blocks_->read(block, *bytes) ? std::move(bytes) : nullptr;
}

bool weights_server::find_digests(const std::vector<std::uint32_t>& blocks) {
  std::size_t found = 0;
  for (const std::uint32_t block : blocks) {
    if (digests_.contains(block)) continue;
    const payload bytes = read(block);
    if (bytes == nullptr) return false;
    digests_.emplace(block, sha256_of(*bytes));
    if (++found == digests_at_once) break;
  }
  return true;
}

weights_server::payload weights_server::digests_of(const std::vector<std::uint32_t>& blocks) const {
  auto bytes = std::make_shared<std::vector<std::byte>>();
  bytes->reserve(blocks.size() * sizeof(sha256_digest));
  for (const std::uint32_t block : blocks) {
    const auto known = digests_.find(block);
    if (known == digests_.end()) return nullptr;
    bytes->insert(bytes->end(), known->second.begin(), known->second.end());
  }
  return bytes;
}

}  // namespace troupe
