#include "actors/bin/drain_request.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace troupe::cli {
namespace {

errc code_for(unsigned status) {
  switch (status) {
    case 404:
      return errc::not_found;
    case 409:
      return errc::exhausted;
    case 503:
      return errc::unavailable;
    case 504:
      return errc::deadline_exceeded;
    default:
      return status < 500 ? errc::invalid_argument : errc::internal;
  }
}

/// The message of an error in the API's form.
std::string message_in(const http_reply& reply) {
  boost::system::error_code code;
  const auto body = boost::json::parse(reply.body, code);
  const auto* message = code ? nullptr : body.find_pointer("/error/message", code);
  if (message != nullptr && message->is_string()) return std::string(message->get_string());
  return fmt::format("the server answers with status {}", reply.status);
}

}  // namespace

result<void> request_drain(const server_address& server, const std::string& node,
                           std::chrono::milliseconds limit) {
  const boost::json::object body{{"node", node}};
  const auto reply = http_post(server, "/cluster/drain", boost::json::serialize(body), limit);
  if (!reply) return fail(reply.error());
  if (reply->status == 202) return {};
  return fail(code_for(reply->status), "{}", message_in(*reply));
}

}  // namespace troupe::cli
