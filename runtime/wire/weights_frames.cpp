#include "runtime/wire/weights_frames.hpp"

#include <utility>

#include "runtime/wire/frames.hpp"

namespace troupe {
namespace {

/// As many as a frame of this kind has.
std::vector<std::uint32_t> get_blocks(byte_reader& from, bool digests) {
  auto blocks = from.get_list<std::uint32_t>("blocks", digests ? most_asked_blocks : 1);
  if (from.ok() && blocks.empty()) from.refuse(errc::corrupt, "no blocks");
  return blocks;
}

}  // namespace

std::vector<std::byte> encode_weights_ask(const weights_ask& ask) {
  byte_writer to(preamble_bytes + 5 + ask.blocks.size() * sizeof(std::uint32_t));
  put_preamble(to, 0);
  to.put_flag(ask.digests);
  to.put_list(ask.blocks);
  return to.take();
}

result<weights_ask> decode_weights_ask(std::span<const std::byte> header) {
  byte_reader from(header, "weights ask");
  weights_ask out;
  (void)get_preamble(from);
  out.digests = from.get_flag("digests");
  out.blocks = get_blocks(from, out.digests);
  if (auto done = from.finish(); !done) return fail(std::move(done.error()));
  return out;
}

std::vector<std::byte> encode_weights(const weights_answer& answer) {
  byte_writer to(preamble_bytes + 6 + answer.blocks.size() * sizeof(std::uint32_t));
  put_preamble(to, 0);
  to.put_flag(answer.digests);
  to.put_flag(answer.here);
  to.put_list(answer.blocks);
  return to.take();
}

result<weights_answer> decode_weights(std::span<const std::byte> header) {
  byte_reader from(header, "weights");
  weights_answer out;
  (void)get_preamble(from);
  out.digests = from.get_flag("digests");
  out.here = from.get_flag("here");
  out.blocks = get_blocks(from, out.digests);
  if (auto done = from.finish(); !done) return fail(std::move(done.error()));
  return out;
}

}  // namespace troupe
