#pragma once

#include <caf/all.hpp>
#include <span>
#include <vector>

#include "actors/cluster/data_port.hpp"
#include "runtime/wire/key_frames.hpp"

namespace troupe {

/// What keys have taken at other gateways came from a peer.
struct arrived_key_use {
  peer_id from = 0;
  key_news news;
};

/// Tells peers what keys have taken, in as many frames as it needs; of none, one, where `sharers`
/// is to be told. A peer that takes no more misses it.
void send_key_use(data_port& port, std::span<const peer_id> to, std::uint32_t sharers,
                  std::span<const key_taken> taken);

}  // namespace troupe

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::arrived_key_use)
