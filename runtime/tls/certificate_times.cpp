#include "runtime/tls/certificate_times.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <ctime>
#include <memory>
#include <optional>

#include "runtime/base/freed_by.hpp"

namespace troupe {
namespace {

using certificate = std::unique_ptr<X509, freed_by<X509_free>>;
using input = std::unique_ptr<BIO, freed_by<BIO_free>>;

std::optional<std::chrono::system_clock::time_point> time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
  return std::chrono::system_clock::from_time_t(::timegm(&parts));
}

}  // namespace

result<certificate_times> read_certificate_times(const std::string& file) {
  const input text(BIO_new_file(file.c_str(), "r"));
  if (text == nullptr) {
    ERR_clear_error();
    return fail(errc::io_error, "{}: it cannot be read", file);
  }
  const certificate read(PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  if (read == nullptr) return fail(errc::corrupt, "{}: there is no certificate in it", file);
  const auto from = time_of(X509_get0_notBefore(read.get()));
  const auto until = time_of(X509_get0_notAfter(read.get()));
  if (!from || !until) return fail(errc::corrupt, "{}: its certificate has no times", file);
  return certificate_times{*from, *until};
}

}  // namespace troupe
