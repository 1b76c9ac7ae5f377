#include "runtime/transport/ucx/messages.hpp"

namespace troupe::ucx {
namespace {

constexpr std::uint32_t magic = 0x54525031;  // "TRP1"

class writer {
 public:
  explicit writer(std::size_t bytes) { out_.reserve(bytes); }
  template <class T>
  writer& put(T value) {
    for (std::size_t i = 0; i < sizeof(T); ++i)
      out_.push_back(static_cast<std::byte>(static_cast<std::uint64_t>(value) >> (8 * i)));
    return *this;
  }
  [[nodiscard]] std::vector<std::byte> take() { return std::move(out_); }

 private:
  std::vector<std::byte> out_;
};

/// Reads what is known to be there.
class reader {
 public:
  explicit reader(std::span<const std::byte> bytes) : bytes_(bytes) {}
  template <class T>
  T take() {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i)
      value |= static_cast<std::uint64_t>(bytes_[i]) << (8 * i);
    bytes_ = bytes_.subspan(sizeof(T));
    return static_cast<T>(value);
  }

 private:
  std::span<const std::byte> bytes_;
};

}  // namespace

std::vector<std::byte> encode(const greeting& g) {
  return writer(greeting_bytes)
      .put(static_cast<std::uint8_t>(g.type))
      .put(std::uint8_t{0})
      .put(g.version)
      .put(magic)
      .put(g.from)
      .put(g.to)
      .put(g.nonce)
      .put(g.session)
      .put(g.window.frames)
      .put(g.window.bytes)
      .take();
}

std::vector<std::byte> encode(const message_head& h) {
  return writer(message_head_bytes)
      .put(static_cast<std::uint8_t>(h.type))
      .put(std::uint8_t{0})
      .put(h.kind)
      .put(h.header_bytes)
      .put(h.session)
      .put(h.sequence)
      .put(h.released.frames)
      .put(h.released.bytes)
      .put(h.place)
      .take();
}

bool is_greeting(std::span<const std::byte> bytes) {
  return !bytes.empty() && bytes[0] == static_cast<std::byte>(message_type::hello);
}

result<greeting> read_greeting(std::span<const std::byte> bytes) {
  if (!is_greeting(bytes) || bytes.size() < greeting_bytes)
    return fail(errc::corrupt, "{} bytes are no greeting", bytes.size());
  reader in(bytes);
  greeting g;
  g.type = static_cast<message_type>(in.take<std::uint8_t>());
  (void)in.take<std::uint8_t>();
  g.version = in.take<std::uint16_t>();
  if (in.take<std::uint32_t>() != magic)
    return fail(errc::corrupt, "a greeting that is not of this protocol");
  g.from = in.take<peer_id>();
  g.to = in.take<peer_id>();
  g.nonce = in.take<std::uint64_t>();
  g.session = in.take<std::uint64_t>();
  g.window.frames = in.take<std::uint64_t>();
  g.window.bytes = in.take<std::uint64_t>();
  return g;
}

result<message_head> read_head(std::span<const std::byte> bytes) {
  if (bytes.size() < message_head_bytes)
    return fail(errc::corrupt, "{} bytes are no message", bytes.size());
  reader in(bytes);
  message_head h;
  h.type = static_cast<message_type>(in.take<std::uint8_t>());
  if (h.type < message_type::frame || h.type > message_type::rest)
    return fail(errc::corrupt, "a message of unknown type {}", static_cast<int>(h.type));
  (void)in.take<std::uint8_t>();
  h.kind = in.take<frame_kind>();
  h.header_bytes = in.take<std::uint32_t>();
  h.session = in.take<std::uint64_t>();
  h.sequence = in.take<std::uint64_t>();
  h.released.frames = in.take<std::uint64_t>();
  h.released.bytes = in.take<std::uint64_t>();
  h.place = in.take<std::uint64_t>();
  return h;
}

std::vector<std::byte> head_of_rest(std::span<const std::byte> first, std::uint64_t place) {
  message_head head = read_head(first).value();
  head.type = message_type::rest;
  head.place = place;
  return encode(head);
}

}  // namespace troupe::ucx
