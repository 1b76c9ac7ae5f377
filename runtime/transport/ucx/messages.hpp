#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/transport/credits.hpp"
#include "runtime/transport/transport.hpp"

namespace troupe::ucx {

/// Of everything that processes say to each other over this transport. A greeting keeps its form in
/// all versions, so that any two can tell why they do not get on.
inline constexpr std::uint16_t wire_version = 1;

enum class message_type : std::uint8_t {
  hello = 1,  ///< the first message each way
  frame = 16,
  credit = 17,  ///< says nothing but what every message says: what was released so far
  ping = 18,    ///< asks for any message back
  leave = 19,   ///< the last one: this connection is over
  rest = 20,    ///< more bytes of the frame that has begun to arrive; nothing else comes between
};

/// The first message each way.
struct greeting {
  message_type type = message_type::hello;
  std::uint16_t version = wire_version;
  peer_id from = 0;
  peer_id to = 0;
  std::uint64_t nonce = 0;
  /// What the other end writes on every message to this one: drawn at random for each connection,
  /// known to nobody else.
  std::uint64_t session = 0;
  frame_totals window;  ///< the credits that the other end begins with
  friend bool operator==(const greeting&, const greeting&) = default;
};
inline constexpr std::size_t greeting_bytes = 56;

/// What every message begins with once both ends have greeted.
struct message_head {
  message_type type = message_type::frame;
  frame_kind kind = 0;
  std::uint32_t header_bytes = 0;  ///< the frame's header: behind this one or behind the payload
  std::uint64_t session = 0;       ///< the receiver's
  std::uint64_t sequence = 0;      ///< the frame's number, from 0
  frame_totals released;           ///< of the receiver's frames, by the sender of this
  /// Of a frame: how many bytes it has behind this head and the header in it, whether or not they
  /// all come with this message. Of a rest: how many came before it.
  std::uint64_t place = 0;
  friend bool operator==(const message_head&, const message_head&) = default;
};
inline constexpr std::size_t message_head_bytes = 48;

[[nodiscard]] std::vector<std::byte> encode(const greeting& g);
[[nodiscard]] std::vector<std::byte> encode(const message_head& h);

/// The head of a message with more bytes of the frame that began with `first`.
[[nodiscard]] std::vector<std::byte> head_of_rest(std::span<const std::byte> first,
                                                  std::uint64_t place);

/// Whether the bytes are a greeting rather than another message.
[[nodiscard]] bool is_greeting(std::span<const std::byte> bytes);
/// corrupt if they are not a greeting of any version.
[[nodiscard]] result<greeting> read_greeting(std::span<const std::byte> bytes);
/// The head that the bytes begin with; corrupt if they do not.
[[nodiscard]] result<message_head> read_head(std::span<const std::byte> bytes);

}  // namespace troupe::ucx
