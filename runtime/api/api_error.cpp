#include "runtime/api/api_error.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace troupe {
namespace json = boost::json;
namespace {

json::value null_if_empty(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

}  // namespace

std::string api_error::body() const {
  return json::serialize(json::object{{"error",
                                       {{"message", message},
                                        {"type", type},
                                        {"param", null_if_empty(param)},
                                        {"code", null_if_empty(code)}}}});
}

api_error to_api_error(const error& e) {
  api_error out;
  out.message = e.message();
  switch (e.code()) {
    case errc::invalid_argument:
    case errc::out_of_range:
      return out;
    case errc::unsupported:
      out.code = "unsupported";
      return out;
    case errc::not_found:
      out.status = 404;
      out.code = "not_found";
      return out;
    case errc::exhausted:
      out.status = 429;
      out.type = "rate_limit_error";
      out.code = "queue_full";
      out.retry_after_seconds = 1;
      return out;
    case errc::unavailable:
    case errc::cancelled:
      out.status = 503;
      out.type = "service_unavailable_error";
      out.code = "unavailable";
      out.retry_after_seconds = 1;
      return out;
    case errc::deadline_exceeded:
      out.status = 504;
      out.type = "server_error";
      out.code = "deadline_exceeded";
      return out;
    case errc::already_exists:
    case errc::corrupt:
    case errc::io_error:
    case errc::out_of_memory:
    case errc::stale_epoch:
    case errc::address_in_use:
    case errc::internal:
      break;
  }
  out.status = 500;
  out.type = "server_error";
  out.code = to_string(e.code());
  return out;
}

api_error unknown_path(std::string_view method, std::string_view path) {
  api_error e;
  e.status = 404;
  e.message = fmt::format("There is no {} {} here.", method, path);
  e.code = "unknown_url";
  return e;
}

api_error unknown_model(std::string_view asked, std::string_view served) {
  api_error e;
  e.status = 404;
  e.message = fmt::format("The model '{}' does not exist; this server has '{}'.", asked, served);
  e.param = "model";
  e.code = "model_not_found";
  return e;
}

api_error body_too_large(std::size_t limit_bytes) {
  api_error e;
  e.status = 413;
  e.message = fmt::format("The request body is larger than {} bytes.", limit_bytes);
  e.code = "request_too_large";
  return e;
}

}  // namespace troupe
