#include "actors/cluster/tls_check.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <memory>
#include <string>
#include <utility>

#include "runtime/base/freed_by.hpp"

namespace troupe {
namespace {

using context = std::unique_ptr<SSL_CTX, freed_by<SSL_CTX_free>>;
using store_context = std::unique_ptr<X509_STORE_CTX, freed_by<X509_STORE_CTX_free>>;

/// OpenSSL's first reason, which says most.
std::string reason() {
  const unsigned long code = ERR_get_error();
  const char* text = ERR_reason_error_string(code);
  std::string said = text != nullptr ? text : "it cannot be read";
  ERR_clear_error();
  return said;
}

tl::unexpected<error> wrong(std::string_view what, const std::string& file,
                            const std::string& why) {
  return fail(errc::invalid_argument, "tls.{} {}: {}", what, file, why);
}

/// The certificate in use against the authority's.
result<void> verify(SSL_CTX* tls, const tls_files& files) {
  const store_context checking(X509_STORE_CTX_new());
  STACK_OF(X509)* chain = nullptr;
  SSL_CTX_get0_chain_certs(tls, &chain);
  if (checking == nullptr || X509_STORE_CTX_init(checking.get(), SSL_CTX_get_cert_store(tls),
                                                 SSL_CTX_get0_certificate(tls), chain) != 1)
    return wrong("certificate", files.certificate, reason());
  if (X509_verify_cert(checking.get()) == 1) return {};
  return wrong("certificate", files.certificate,
               X509_verify_cert_error_string(X509_STORE_CTX_get_error(checking.get())));
}

}  // namespace

result<void> check(const tls_files& files) {
  if (!files.used()) return {};
  for (const auto& [what, file] :
       {std::pair("certificate", &files.certificate), std::pair("key", &files.key),
        std::pair("authority", &files.authority)}) {
    if (file->empty())
      return fail(errc::invalid_argument,
                  "tls.{} is missing: certificate, key and authority go together", what);
  }
  const context tls(SSL_CTX_new(TLS_method()));
  if (tls == nullptr) return fail(errc::internal, "OpenSSL: {}", reason());
  if (SSL_CTX_use_certificate_chain_file(tls.get(), files.certificate.c_str()) != 1)
    return wrong("certificate", files.certificate, reason());
  if (SSL_CTX_use_PrivateKey_file(tls.get(), files.key.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(tls.get()) != 1)
    return wrong("key", files.key, reason());
  if (SSL_CTX_load_verify_locations(tls.get(), files.authority.c_str(), nullptr) != 1)
    return wrong("authority", files.authority, reason());
  return verify(tls.get(), files);
}

}  // namespace troupe
