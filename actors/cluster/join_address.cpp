#include "actors/cluster/join_address.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <charconv>
#include <optional>

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

std::vector<std::string> split_addresses(std::string_view list) {
  std::vector<std::string> words(1);
  for (const char c : list) {
    if (c == ',')
      words.emplace_back();
    else if (c != ' ')
      words.back() += c;
  }
  std::erase(words, std::string());
  return words;
}

door open_door(boost::asio::io_context& io, boost::asio::ip::tcp::socket& socket,
               const join_address& at, std::chrono::milliseconds limit) {
  using boost::asio::ip::tcp;
  tcp::resolver resolver(io);
  std::optional<boost::system::error_code> outcome;
  resolver.async_resolve(
      at.host, std::to_string(at.port), [&](boost::system::error_code failed, const auto& found) {
        outcome = failed;
        if (failed) return;
        outcome.reset();
        boost::asio::async_connect(socket, found,
                                   [&](boost::system::error_code e, const auto&) { outcome = e; });
      });
  io.restart();
  io.run_for(limit);
  if (outcome) {
    if (!*outcome) return door::open;
    return *outcome == boost::asio::error::connection_refused ? door::refused : door::silent;
  }
  // What is under way refers to this call: it ends with it.
  boost::system::error_code ignored;
  resolver.cancel();
  socket.close(ignored);
  io.run();
  return door::silent;
}

door knock(const join_address& at, std::chrono::milliseconds limit) {
  boost::asio::io_context io(1);
  boost::asio::ip::tcp::socket socket(io);
  return open_door(io, socket, at, limit);
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
