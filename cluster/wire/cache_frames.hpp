#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "cluster/batching/cache_request.hpp"
#include "runtime/base/result.hpp"
#include "runtime/transport/transport.hpp"

namespace troupe {

/// Headers of what a batcher and the cache managers tell each other, after runtime/wire's rules.
/// Decoding checks lengths, and that no list is longer than `most` elements.
[[nodiscard]] std::vector<std::byte> encode_cache_request(const cache_request& request);
[[nodiscard]] result<cache_request> decode_cache_request(std::span<const std::byte> header);
[[nodiscard]] std::vector<std::byte> encode_cache_reply(const cache_reply& reply);
[[nodiscard]] result<cache_reply> decode_cache_reply(std::span<const std::byte> header);

/// Puts behind a header which stage of the receiver it is for (by its first layer), as a node may
/// serve several.
[[nodiscard]] std::vector<std::byte> addressed(std::vector<std::byte> header, std::uint32_t stage);

/// A header without its address.
struct destination {
  std::uint32_t stage = 0;
  std::span<const std::byte> header;
};
/// corrupt: too short to have one.
[[nodiscard]] result<destination> destination_of(std::span<const std::byte> header);

}  // namespace troupe
