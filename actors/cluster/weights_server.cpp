#include "actors/cluster/weights_server.hpp"

#include <pthread.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "runtime/wire/frames.hpp"

namespace troupe {
namespace {

/// Of all peers together: their windows, where there are a few.
constexpr std::size_t most_questions = 256;

void send(data_port& port, peer_id to, weights_answer answer,
          std::shared_ptr<const std::vector<std::byte>> payload) {
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
  std::deque<question> questions;
};

weights_server::weights_server(std::shared_ptr<data_port> port, opener open)
    : port_(std::move(port)), open_(std::move(open)), inbox_(std::make_shared<inbox>()) {
  // Not the port, which holds what is routed.
  port_->route(frames::weights_ask, [inbox = inbox_](incoming_frame&& frame) {
    auto ask = decode_weights_ask(frame.header);
    if (!ask) return;
    const std::lock_guard lock(inbox->mutex);
    if (inbox->questions.size() >= most_questions) return;
    inbox->questions.push_back({frame.from, std::move(*ask)});
    inbox->filled.notify_one();
  });
  thread_ = std::jthread([this](const std::stop_token& stop) { work(stop); });
}

weights_server::~weights_server() { port_->route(frames::weights_ask, {}); }

void weights_server::work(const std::stop_token& stop) {
  pthread_setname_np(pthread_self(), "troupe.weights");
  for (;;) {
    std::optional<question> next;
    {
      std::unique_lock lock(inbox_->mutex);
      if (!inbox_->filled.wait(lock, stop, [&] { return !inbox_->questions.empty(); })) return;
      next = std::move(inbox_->questions.front());
      inbox_->questions.pop_front();
    }
    answer(*next);
  }
}

void weights_server::answer(const question& q) {
  send(*port_, q.from, {q.ask.digests, false, q.ask.blocks}, bytes_of(q.ask));
}

std::shared_ptr<const std::vector<std::byte>> weights_server::bytes_of(const weights_ask& ask) {
  if (blocks_ == nullptr) blocks_ = open_();
  if (blocks_ == nullptr) return nullptr;
  const bool here = std::all_of(ask.blocks.begin(), ask.blocks.end(), [&](std::uint32_t block) {
    return block < blocks_->map().blocks() && blocks_->has(block);
  });
  if (!here) return nullptr;
  auto bytes = std::make_shared<std::vector<std::byte>>();
  if (ask.digests) {
    for (const std::uint32_t block : ask.blocks) {
      sha256_digest digest{};
      if (!digest_of(block, digest)) return nullptr;
      bytes->insert(bytes->end(), digest.begin(), digest.end());
    }
    return bytes;
  }
  bytes->resize(blocks_->map().at(ask.blocks.front()).bytes);
  if (!blocks_->read(ask.blocks.front(), *bytes)) return nullptr;
  return bytes;
}

bool weights_server::digest_of(std::uint32_t block, sha256_digest& into) {
  const auto known = digests_.find(block);
  if (known == digests_.end()) {
    std::vector<std::byte> bytes(blocks_->map().at(block).bytes);
    if (!blocks_->read(block, bytes)) return false;
    into = digests_.emplace(block, sha256_of(bytes)).first->second;
    return true;
  }
  into = known->second;
  return true;
}

}  // namespace troupe
