// Nodes that lack the model's files: what they are told before they join.
#include <fmt/format.h>

#include <utility>

#include "actors/cluster/cluster_supervisor.hpp"
#include "runtime/base/printable.hpp"

namespace troupe {
namespace {

/// For a node to get what it needs before it joins.
constexpr auto visit = std::chrono::minutes(30);
constexpr std::size_t most_visitors = 64;
constexpr std::size_t longest_name = 64;

weights_welcome refused(std::string why) {
  weights_welcome w;
  w.refusal = std::move(why);
  return w;
}

}  // namespace

weights_welcome cluster_supervisor_state::on_weights(const node_hello& hello) {
  const auto terms = terms_with("node", hello.version, hello.speaks);
  if (!terms) return refused(terms.error().message());
  if (nodes_.contains(hello.peer) || gateways_.contains(hello.peer))
    return refused("its peer id is that of another member");
  if (visitors_.size() >= most_visitors && !visitors_.contains(hello.peer))
    return refused("too many nodes get the model's files already");
  const auto opened = w_.bundle->get();
  if (!opened) return refused("the model's files cannot be given: " + opened.error().message());
  const model_bundle& bundle = **opened;
  weights_welcome w;
  w.folder = bundle.is_folder();
  for (const model_file& file : bundle.map().files()) {
    w.names.push_back(file.name);
    w.sizes.push_back(file.bytes);
  }
  for (std::uint32_t block = 0; block < bundle.map().blocks(); ++block)
    if (bundle.opening()[block]) w.opening.push_back(block);
  const auto now = clock::now();
  visitors_[hello.peer] = {address_of({hello.peer, hello.data_address, 0, terms->data}),
                           now + visit};
  connect();
  w.supervisor = introduce(
      {w_.port->self(), w_.port->address(), nonce_of(w_.port->self(), hello.peer), terms->data});
  members_->note(now, fmt::format("{} lacks the model's files and gets what it needs from here",
                                  printable(std::string_view(hello.name).substr(0, longest_name))));
  publish();
  return w;
}

void cluster_supervisor_state::on_weights_progress(const weights_progress& p) {
  const auto node = nodes_.find(p.peer);
  if (node == nodes_.end() || p.got > p.wanted) return;
  const bool more = !node->second.weights || node->second.weights->got != p.got;
  node->second.weights = {p.got, p.wanted};
  if (more) await_longer(p.peer);
  publish();
}

void cluster_supervisor_state::forget_visitors(clock::time_point now) {
  for (auto each = visitors_.begin(); each != visitors_.end();) {
    const auto [peer, visitor] = *each;
    if (now <= visitor.until) {
      ++each;
      continue;
    }
    each = visitors_.erase(each);
    cut_off(peer);
  }
}

}  // namespace troupe
