#include "cluster/wire/cache_frames.hpp"

#include <cstring>

#include "runtime/wire/frames.hpp"

namespace troupe {
namespace {

constexpr std::size_t most_sequences = std::size_t{1} << 20U;

void put(byte_writer& to, const kv_standing& s) {
  to.put(s.sequence);
  to.put_list(s.tokens);
  to.put(s.positions);
  to.put(s.committed);
  to.put(s.space);
}

kv_standing get_standing(byte_reader& from) {
  kv_standing s;
  s.sequence = from.get<sequence_id>("standing");
  s.tokens = from.get_list<token_id>("standing tokens");
  s.positions = from.get<std::uint32_t>("standing positions");
  s.committed = from.get<std::uint32_t>("standing committed");
  s.space = from.get<cache_space>("standing space");
  return s;
}

void put_lengths(byte_writer& to, const std::vector<cache_request::length>& lengths) {
  to.put_count(lengths.size());
  for (const auto& l : lengths) {
    to.put(l.sequence);
    to.put(l.positions);
  }
}

std::vector<cache_request::length> get_lengths(byte_reader& from, std::string_view what) {
  std::vector<cache_request::length> lengths(
      from.get_count(what, sizeof(sequence_id) + sizeof(std::uint32_t), most_sequences));
  for (auto& l : lengths) {
    l.sequence = from.get<sequence_id>(what);
    l.positions = from.get<std::uint32_t>(what);
  }
  return lengths;
}

}  // namespace

std::vector<std::byte> encode_cache_request(const cache_request& request) {
  byte_writer to(256);
  put_preamble(to, request.epoch);
  to.put(request.number);
  to.put_flag(request.reconcile.has_value());
  if (request.reconcile) {
    to.put_count(request.reconcile->size());
    for (const kv_standing& s : *request.reconcile) put(to, s);
  }
  to.put_count(request.commits.size());
  for (const auto& c : request.commits) {
    to.put(c.sequence);
    to.put(c.first);
    to.put_list(c.tokens);
  }
  to.put_list(request.releases);
  put_lengths(to, request.trims);
  put_lengths(to, request.extends);
  to.put_count(request.opens.size());
  for (const auto& o : request.opens) {
    to.put(o.sequence);
    to.put_list(o.tokens);
    to.put(o.at_most);
    to.put(o.space);
  }
  to.put_list(request.awaits);
  return to.take();
}

result<cache_request> decode_cache_request(std::span<const std::byte> header) {
  byte_reader from(header, "cache_request");
  cache_request r;
  r.epoch = get_preamble(from);
  r.number = from.get<std::uint64_t>("number");
  if (from.get_flag("reconcile")) {
    const std::uint32_t count = from.get_count("standings", 28, most_sequences);
    auto& list = r.reconcile.emplace();
    for (std::uint32_t i = 0; i < count && from.ok(); ++i) list.push_back(get_standing(from));
  }
  const std::uint32_t commits = from.get_count("commits", 16, most_sequences);
  for (std::uint32_t i = 0; i < commits && from.ok(); ++i) {
    auto& c = r.commits.emplace_back();
    c.sequence = from.get<sequence_id>("commit");
    c.first = from.get<std::uint32_t>("commit first");
    c.tokens = from.get_list<token_id>("commit tokens");
  }
  r.releases = from.get_list<sequence_id>("releases", most_sequences);
  r.trims = get_lengths(from, "trims");
  r.extends = get_lengths(from, "extends");
  const std::uint32_t opens = from.get_count("opens", 24, most_sequences);
  for (std::uint32_t i = 0; i < opens && from.ok(); ++i) {
    auto& o = r.opens.emplace_back();
    o.sequence = from.get<sequence_id>("open");
    o.tokens = from.get_list<token_id>("open tokens");
    o.at_most = from.get<std::uint32_t>("open at most");
    o.space = from.get<cache_space>("open space");
  }
  r.awaits = from.get_list<sequence_id>("awaits", most_sequences);
  if (auto done = from.finish(); !done) return fail(done.error());
  return r;
}

std::vector<std::byte> encode_cache_reply(const cache_reply& reply) {
  byte_writer to(128);
  put_preamble(to, reply.epoch);
  to.put(reply.number);
  to.put_list(reply.held);
  to.put_count(reply.extended.size());
  for (const bool each : reply.extended) to.put_flag(each);
  to.put_list(reply.cached);
  to.put_list(reply.arrived);
  to.put_flag(reply.uneven);
  to.put(reply.available_pages);
  to.put(reply.total_pages);
  to.put(reply.cached_pages);
  to.put(reply.looked_up);
  to.put(reply.found);
  return to.take();
}

result<cache_reply> decode_cache_reply(std::span<const std::byte> header) {
  byte_reader from(header, "cache_reply");
  cache_reply r;
  r.epoch = get_preamble(from);
  r.number = from.get<std::uint64_t>("number");
  r.held = from.get_list<std::uint32_t>("held", most_sequences);
  r.extended.resize(from.get_count("extended", 1, most_sequences));
  for (auto each : r.extended) each = from.get_flag("extended");
  r.cached = from.get_list<std::uint32_t>("cached", most_sequences);
  r.arrived = from.get_list<std::uint32_t>("arrived", most_sequences);
  r.uneven = from.get_flag("uneven");
  r.available_pages = from.get<std::uint32_t>("available pages");
  r.total_pages = from.get<std::uint32_t>("total pages");
  r.cached_pages = from.get<std::uint32_t>("cached pages");
  r.looked_up = from.get<std::uint64_t>("looked up");
  r.found = from.get<std::uint64_t>("found");
  if (auto done = from.finish(); !done) return fail(done.error());
  return r;
}

std::vector<std::byte> addressed(std::vector<std::byte> header, std::uint32_t stage) {
  const std::size_t at = header.size();
  header.resize(at + sizeof stage);
  std::memcpy(header.data() + at, &stage, sizeof stage);
  return header;
}

result<destination> destination_of(std::span<const std::byte> header) {
  destination to;
  if (header.size() < sizeof to.stage)
    return fail(errc::corrupt, "a header of {} bytes has no destination", header.size());
  to.header = header.first(header.size() - sizeof to.stage);
  std::memcpy(&to.stage, header.data() + to.header.size(), sizeof to.stage);
  return to;
}

}  // namespace troupe
