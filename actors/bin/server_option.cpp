#include "actors/bin/server_option.hpp"

namespace troupe::cli {

void server_option::add_to(CLI::App& command) {
  command.add_option("--url", url, "The server")->capture_default_str();
  command
      .add_option("--key", key, "A key with the endpoints models and admin, where the server asks")
      ->envname("TROUPE_API_KEY")
      ->type_name("KEY");
}

result<server_address> server_option::address() const {
  auto server = parse_address(url);
  if (server) server->key = key;
  return server;
}

result<void> check_let_in(const http_reply& reply) {
  constexpr unsigned unauthorized = 401;
  constexpr unsigned forbidden = 403;
  if (reply.status == unauthorized) {
    return fail(errc::invalid_argument,
                "the server asks for a key in force: set TROUPE_API_KEY, or give --key");
  }
  if (reply.status == forbidden) {
    return fail(errc::invalid_argument,
                "the key is not good for that: it needs the endpoints models and admin");
  }
  return {};
}

}  // namespace troupe::cli
