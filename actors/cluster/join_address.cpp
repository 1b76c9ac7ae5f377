#include "actors/cluster/join_address.hpp"

#include <boost/asio/ip/udp.hpp>
#include <charconv>

namespace troupe {

result<join_address> parse_join_address(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  join_address at;
  if (colon != std::string_view::npos && colon > 0) {
    const char* const end = text.data() + text.size();
    const auto read = std::from_chars(text.data() + colon + 1, end, at.port);
    at.host = text.substr(0, colon);
    if (read.ec == std::errc() && read.ptr == end && at.port != 0) return at;
  }
  return fail(errc::invalid_argument, "'{}' is no address to join: HOST:PORT is", text);
}

result<std::string> local_address_towards(const join_address& to) {
  namespace ip = boost::asio::ip;
  boost::asio::io_context io;
  boost::system::error_code failed;
  ip::udp::resolver resolver(io);
  const auto found = resolver.resolve(to.host, std::to_string(to.port), failed);
  if (failed) return fail(errc::unavailable, "{}: {}", to.host, failed.message());
  ip::udp::socket socket(io);
  // Connecting sends nothing with UDP: it chooses the route.
  socket.connect(*found.begin(), failed);
  if (!failed) {
    const auto local = socket.local_endpoint(failed);
    if (!failed) return local.address().to_string();
  }
  return fail(errc::unavailable, "there is no way to {}: {}", to.host, failed.message());
}

}  // namespace troupe
