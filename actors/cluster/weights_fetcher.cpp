#include "actors/cluster/weights_fetcher.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <optional>
#include <utility>

#include "runtime/wire/frames.hpp"
#include "runtime/wire/weights_frames.hpp"

namespace troupe {
namespace {

using clock = std::chrono::steady_clock;

/// For digests of as many blocks as one frame asks for: their bytes are read from a disk.
constexpr std::chrono::minutes digest_patience{2};
constexpr std::chrono::milliseconds look_period{100};
/// Asked of one peer at a time: 4 MiB.
constexpr block_fetch::limits pace{.window = 4, .patience = std::chrono::seconds(10)};
/// Written and not yet kept, at most: what a node that ends meanwhile gets again.
constexpr std::size_t kept_at_once = 64;
/// What waits here at most: all that can have been asked for, and some losses.
constexpr std::size_t most_waiting = 4096;

error superseded() { return {errc::cancelled, "the weights are not wanted any more"}; }

}  // namespace

/// What comes while somebody fetches. Outlives the fetcher where a frame is just being taken.
struct weights_fetcher::inbox {
  struct item {
    peer_id lost = 0;  ///< or else:
    incoming_frame frame;
  };
  std::mutex mutex;
  std::condition_variable filled;
  bool open = false;
  std::deque<item> items;

  void put(item one) {
    const std::lock_guard lock(mutex);
    if (!open || items.size() >= most_waiting) return;
    items.push_back(std::move(one));
    filled.notify_one();
  }
  std::optional<item> take(clock::time_point until) {
    std::unique_lock lock(mutex);
    if (!filled.wait_until(lock, until, [&] { return !items.empty(); })) return std::nullopt;
    std::optional<item> one(std::move(items.front()));
    items.pop_front();
    return one;
  }
  void set_open(bool now) {
    const std::lock_guard lock(mutex);
    open = now;
    items.clear();
  }
};

weights_fetcher::weights_fetcher(std::shared_ptr<data_port> port)
    : port_(std::move(port)), inbox_(std::make_shared<inbox>()) {
  port_->route(frames::weights, [inbox = inbox_](incoming_frame&& frame) {
    inbox->put({0, std::move(frame)});
  });
}

weights_fetcher::~weights_fetcher() { port_->route(frames::weights, {}); }

std::function<void(peer_id)> weights_fetcher::loss_handler() const {
  return [inbox = inbox_](peer_id peer) { inbox->put({peer, {}}); };
}

result<void> weights_fetcher::ask(peer_id to, const std::vector<std::uint32_t>& blocks,
                                  bool for_digests) const {
  auto sent = port_->send(to, {frames::weights_ask, encode_weights_ask({for_digests, blocks}), {}});
  if (!sent && sent.error().code() == errc::not_found) return sent;
  return {};
}

result<void> weights_fetcher::fetch(block_store& store, const std::vector<bool>& wanted,
                                    const givers& from, const std::stop_token& stop,
                                    const progress& report) {
  const std::lock_guard alone(one_at_a_time_);
  std::vector<std::uint32_t> blocks;
  std::uint64_t bytes = 0;
  for (std::uint32_t b = 0; b < wanted.size(); ++b) {
    if (!wanted[b] || store.has(b)) continue;
    blocks.push_back(b);
    bytes += store.map().at(b).bytes;
  }
  if (blocks.empty()) return {};
  std::vector<peer_id> order = from.peers;
  std::erase(order, from.authority);
  order.push_back(from.authority);  // asked last
  spdlog::info("gets {} blocks of weights ({} MiB) from {} peers", blocks.size(), bytes >> 20U,
               order.size());
  inbox_->set_open(true);
  block_fetch plan(blocks, order, pace);
  const auto known = fetch_digests(blocks, from.authority, plan, stop);
  result<void> done;
  if (known) {
    done = fetch_blocks(store, plan, *known, stop, report);
  } else {
    done = fail(known.error());
  }
  inbox_->set_open(false);
  // What came has its digest, and need not come again even where something else is lacking.
  const bool sound =
      done || done.error().code() == errc::unavailable || done.error().code() == errc::cancelled;
  if (sound) {
    if (auto kept = store.keep(); !kept) done = std::move(kept);
  }
  if (!sound || !done) store.discard();
  if (done) spdlog::info("has its {} blocks of weights", blocks.size());
  return done;
}

result<weights_fetcher::digests> weights_fetcher::fetch_digests(
    const std::vector<std::uint32_t>& blocks, peer_id authority, block_fetch& plan,
    const std::stop_token& stop) {
  const error none(errc::unavailable, "the supervisor's process gives no digests of the weights");
  digests known;
  while (known.size() < blocks.size()) {
    const std::size_t before = known.size();
    const std::size_t count = std::min(most_asked_blocks, blocks.size() - before);
    const auto first = blocks.begin() + static_cast<std::ptrdiff_t>(before);
    const std::vector<std::uint32_t> asked(first, first + static_cast<std::ptrdiff_t>(count));
    if (!ask(authority, asked, true)) return fail(none);
    const auto deadline = clock::now() + digest_patience;
    while (known.size() == before) {
      const auto item = inbox_->take(clock::now() + look_period);
      if (stop.stop_requested()) return fail(superseded());
      if (clock::now() >= deadline || (item && item->lost == authority)) return fail(none);
      if (!item) continue;
      if (item->lost != 0) plan.give_up(item->lost);
      if (item->lost != 0 || item->frame.from != authority) continue;
      const auto answer = decode_weights(item->frame.header);
      // What an earlier fetch asked for may still come.
      if (!answer || !answer->digests || answer->blocks != asked) continue;
      if (!answer->here || item->frame.payload.size() != count * sizeof(sha256_digest))
        return fail(none);
      for (std::size_t i = 0; i < count; ++i)
        std::memcpy(known[answer->blocks[i]].data(),
                    item->frame.payload.data() + i * sizeof(sha256_digest), sizeof(sha256_digest));
    }
  }
  return known;
}

result<void> weights_fetcher::fetch_blocks(block_store& store, block_fetch& plan,
                                           const digests& known, const std::stop_token& stop,
                                           const progress& report) {
  std::uint64_t wanted = 0;
  for (const auto& [block, digest] : known) wanted += store.map().at(block).bytes;
  std::uint64_t got = 0;
  std::size_t kept = plan.left();
  while (!plan.done()) {
    if (stop.stop_requested()) return fail(superseded());
    for (const block_fetch::ask& each : plan.next(clock::now()))
      if (!ask(each.to, {each.block}, false)) plan.give_up(each.to);
    if (const auto block = plan.hopeless())
      return fail(errc::unavailable, "nobody has block {} of the model's files", *block);
    if (report) report(got, wanted);
    if (kept - plan.left() >= kept_at_once) {
      if (auto safe = store.keep(); !safe) return safe;
      kept = plan.left();
    }
    const auto item = inbox_->take(clock::now() + look_period);
    for (const peer_id silent : plan.tick(clock::now()))
      spdlog::warn("peer {:016x} sends no weights: others are asked", silent);
    if (!item) continue;
    if (item->lost != 0)
      plan.give_up(item->lost);
    else if (const auto taken = take(item->frame, store, plan, known); !taken)
      return fail(taken.error());
    else
      got += *taken;
  }
  if (report) report(wanted, wanted);
  return {};
}

result<std::size_t> weights_fetcher::take(const incoming_frame& frame, block_store& store,
                                          block_fetch& plan, const digests& known) {
  const auto answer = decode_weights(frame.header);
  if (!answer || answer->digests) return 0;
  const std::uint32_t block = answer->blocks.front();
  if (!answer->here) {
    plan.lacks(frame.from, block);
    return 0;
  }
  const auto digest = known.find(block);
  if (digest == known.end()) return 0;
  if (sha256_of(frame.payload) != digest->second) {
    spdlog::error("peer {:016x} sent other weights than the cluster's: it is asked no more",
                  frame.from);
    plan.give_up(frame.from);
    return 0;
  }
  if (!plan.arrived(frame.from, block)) return 0;
  if (auto written = store.write(block, frame.payload); !written) return fail(written.error());
  return frame.payload.size();
}

}  // namespace troupe
