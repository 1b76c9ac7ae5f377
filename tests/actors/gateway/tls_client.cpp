#include "tests/actors/gateway/tls_client.hpp"

#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <boost/asio/write.hpp>
#include <utility>

namespace troupe::test {

namespace asio = boost::asio;
namespace ssl = asio::ssl;

tls_client::tls_client(std::uint16_t port, const tls_offer& offer)
    : context_(ssl::context::tls_client), stream_(io_, context_) {
  SSL* const tls = stream_.native_handle();
  SSL_set_min_proto_version(tls, offer.lowest);
  SSL_set_max_proto_version(tls, offer.highest);
  // Debian's own level would refuse to offer old versions, and the server be none the wiser.
  SSL_set_security_level(tls, 0);
  if (!offer.protocols.empty())
    SSL_set_alpn_protos(tls, reinterpret_cast<const unsigned char*>(offer.protocols.data()),
                        static_cast<unsigned int>(offer.protocols.size()));
  stream_.next_layer().connect({asio::ip::address_v4::loopback(), port});
  const timeval patience{10, 0};
  const int socket = stream_.next_layer().native_handle();
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  (void)stream_.handshake(ssl::stream_base::client, failed_);
}

std::string tls_client::protocol() {
  const unsigned char* chosen = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(stream_.native_handle(), &chosen, &size);
  return {reinterpret_cast<const char*>(chosen), size};
}

std::string tls_client::server_name() {
  std::array<char, 256> name{};
  const X509* const shown = SSL_get0_peer_certificate(stream_.native_handle());
  if (shown != nullptr)
    X509_NAME_get_text_by_NID(X509_get_subject_name(shown), NID_commonName, name.data(),
                              static_cast<int>(name.size()));
  return name.data();
}

bool tls_client::send(std::string_view bytes) {
  boost::system::error_code failed;
  return asio::write(stream_, asio::buffer(bytes.data(), bytes.size()), failed) == bytes.size();
}

bool tls_client::fill() {
  std::array<char, 16384> chunk{};
  boost::system::error_code failed;
  const std::size_t count = stream_.read_some(asio::buffer(chunk), failed);
  in_order_ = failed == asio::error::eof;
  input_.append(chunk.data(), count);
  return count > 0;
}

std::string tls_client::read_until(std::string_view mark) {
  while (input_.find(mark) == std::string::npos)
    if (!fill()) return std::exchange(input_, {});
  std::string taken = input_.substr(0, input_.find(mark) + mark.size());
  input_.erase(0, taken.size());
  return taken;
}

std::string tls_client::read_to_end() {
  while (fill()) {
  }
  return std::exchange(input_, {});
}

}  // namespace troupe::test
