#include "runtime/wire/key_frames.hpp"

#include <string_view>
#include <utility>

#include "runtime/wire/frames.hpp"

namespace troupe {
namespace {

constexpr std::size_t taken_bytes = 3 * sizeof(std::int64_t);
/// No gateway takes more between two frames; nobody's arithmetic runs over.
constexpr std::int64_t most_taken = std::int64_t{1} << 53U;

std::int64_t get_amount(byte_reader& from, std::string_view what) {
  const auto amount = from.get<std::int64_t>(what);
  if (amount > most_taken || amount < -most_taken)
    from.refuse(errc::out_of_range, "{}: {} is too much", what, amount);
  return amount;
}

}  // namespace

std::vector<std::byte> encode_key_news(const key_news& news) {
  byte_writer to(preamble_bytes + 2 * sizeof(std::uint32_t) + news.taken.size() * taken_bytes);
  put_preamble(to, 0);
  to.put(news.sharers);
  to.put_count(news.taken.size());
  for (const key_taken& t : news.taken) {
    to.put(t.key);
    to.put(t.requests);
    to.put(t.tokens);
  }
  return to.take();
}

result<key_news> decode_key_news(std::span<const std::byte> header) {
  byte_reader from(header, "key_use");
  (void)get_preamble(from);
  key_news out;
  out.sharers = from.get<std::uint32_t>("sharers");
  const std::uint32_t count = from.get_count("keys", taken_bytes, key_news::most);
  out.taken.reserve(count);
  for (std::uint32_t i = 0; i < count && from.ok(); ++i) {
    key_taken& t = out.taken.emplace_back();
    t.key = from.get<std::uint64_t>("key");
    t.requests = get_amount(from, "requests");
    t.tokens = get_amount(from, "tokens");
  }
  if (auto done = from.finish(); !done) return fail(std::move(done.error()));
  return out;
}

}  // namespace troupe
