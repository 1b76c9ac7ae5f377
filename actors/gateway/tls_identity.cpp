#include "actors/gateway/tls_identity.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include <system_error>
#include <utility>

namespace troupe::gateway {
namespace {

namespace ssl = boost::asio::ssl;

/// As ALPN writes names down: a length before each.
constexpr std::string_view only_protocol = "\x08http/1.1";

/// OpenSSL's first reason, which says most.
std::string reason() {
  const unsigned long code = ERR_get_error();
  if (ERR_SYSTEM_ERROR(code)) {
    ERR_clear_error();
    return std::generic_category().message(ERR_GET_REASON(code));
  }
  const char* text = code == 0 ? nullptr : ERR_reason_error_string(code);
  std::string said = text != nullptr ? text : "it cannot be read";
  ERR_clear_error();
  return said;
}

tl::unexpected<error> wrong(std::string_view what, const std::string& file, std::string_view why) {
  return fail(errc::invalid_argument, "http.{} {}: {}", what, file, why);
}

/// OpenSSL would ask the terminal.
int no_passphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*data*/) { return -1; }

/// Whoever offers other protocols only is refused, as RFC 7301 wants.
int choose_protocol(SSL* /*tls*/, const unsigned char** out, unsigned char* out_size,
                    const unsigned char* offered, unsigned int offered_size, void* /*data*/) {
  unsigned char* chosen = nullptr;
  const int found = SSL_select_next_proto(
      &chosen, out_size, reinterpret_cast<const unsigned char*>(only_protocol.data()),
      static_cast<unsigned int>(only_protocol.size()), offered, offered_size);
  *out = chosen;
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

result<void> check_dates(SSL_CTX* tls, const std::string& file) {
  const X509* own = SSL_CTX_get0_certificate(tls);
  if (X509_cmp_current_time(X509_get0_notAfter(own)) < 0)
    return wrong("certificate", file, "certificate has expired");
  if (X509_cmp_current_time(X509_get0_notBefore(own)) > 0)
    return wrong("certificate", file, "certificate is not yet valid");
  return {};
}

result<std::shared_ptr<ssl::context>> read(const identity_files& files) {
  auto made = std::make_shared<ssl::context>(ssl::context::tls_server);
  SSL_CTX* const tls = made->native_handle();
  ERR_clear_error();
  SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
  SSL_CTX_set_options(tls, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                               SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_SINGLE_ECDH_USE);
  // Sessions are resumed by tickets, which clients keep; a store of them would grow here.
  SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_alpn_select_cb(tls, choose_protocol, nullptr);
  SSL_CTX_set_default_passwd_cb(tls, no_passphrase);
  if (SSL_CTX_use_certificate_chain_file(tls, files.certificate.c_str()) != 1)
    return wrong("certificate", files.certificate, reason());
  if (SSL_CTX_use_PrivateKey_file(tls, files.key.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(tls) != 1)
    return wrong("certificate_key", files.key, reason());
  if (auto valid = check_dates(tls, files.certificate); !valid) return fail(valid.error());
  return made;
}

std::string stamp_of(const std::string& file) {
  struct stat at = {};
  if (::stat(file.c_str(), &at) != 0) return "none";
  return fmt::format("{}:{}:{}:{}.{}", at.st_dev, at.st_ino, at.st_size, at.st_mtim.tv_sec,
                     at.st_mtim.tv_nsec);
}

}  // namespace

result<std::unique_ptr<tls_identity>> tls_identity::open(const identity_files& files,
                                                         identity_settings settings) {
  if (files.certificate.empty() || files.key.empty()) {
    return fail(errc::invalid_argument,
                "http.{} is missing: the certificate and its key go together",
                files.key.empty() ? "certificate_key" : "certificate");
  }
  std::unique_ptr<tls_identity> made(new tls_identity(files, std::move(settings)));
  made->seen_ = made->stamp();
  auto first = read(files);
  if (!first) return fail(std::move(first.error()));
  made->current_ = std::move(*first);
  made->thread_ =
      std::jthread([self = made.get()](const std::stop_token& stop) { self->follow(stop); });
  return made;
}

tls_identity::tls_identity(identity_files files, identity_settings settings)
    : files_(std::move(files)), settings_(std::move(settings)) {}

std::shared_ptr<ssl::context> tls_identity::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

std::string tls_identity::stamp() const {
  return stamp_of(files_.certificate) + ' ' + stamp_of(files_.key);
}

void tls_identity::follow(const std::stop_token& stop) {
  const auto report = [this](std::string_view line) {
    if (settings_.report) settings_.report(line);
  };
  std::unique_lock lock(mutex_);
  while (
      !stopping_.wait_for(lock, stop, settings_.refresh, [&] { return stop.stop_requested(); })) {
    lock.unlock();
    // Before it is read: what changes meanwhile is looked at again.
    std::string now = stamp();
    if (now != seen_) {
      seen_ = std::move(now);
      if (auto fresh = read(files_)) {
        {
          const std::lock_guard replacing(mutex_);
          current_.swap(*fresh);
        }
        report("the certificate has changed; new connections get it");
      } else {
        report(fmt::format("the certificate stays as it was: {}", fresh.error().message()));
      }
    }
    lock.lock();
  }
}

}  // namespace troupe::gateway
