#include "tests/actors/gateway/certificate_maker.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>

#include <cstdio>
#include <memory>
#include <stdexcept>

#include "runtime/base/freed_by.hpp"

namespace troupe::test {
namespace {

using key_pair = std::unique_ptr<EVP_PKEY, freed_by<EVP_PKEY_free>>;
using x509 = std::unique_ptr<X509, freed_by<X509_free>>;
using file = std::unique_ptr<std::FILE, freed_by<std::fclose>>;

constexpr long day = 86'400;

void expect(bool well) {
  if (!well) throw std::runtime_error("OpenSSL cannot make a certificate");
}

/// Beside its place first: whoever reads it there reads all of it.
template <class Write>
void write_file(const std::string& path, Write write) {
  {
    const file out(std::fopen((path + ".new").c_str(), "w"));
    expect(out != nullptr && write(out.get()) == 1);
  }
  std::filesystem::rename(path + ".new", path);
}

}  // namespace

certificate_maker::certificate_maker() {
  std::string made = std::filesystem::temp_directory_path() / "troupe-tls-XXXXXX";
  expect(::mkdtemp(made.data()) != nullptr);
  folder_ = made;
  renew("first");
}

certificate_maker::~certificate_maker() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void certificate_maker::renew(const std::string& name, int days) const {
  const key_pair pair(EVP_EC_gen("P-256"));
  const x509 made(X509_new());
  expect(pair != nullptr && made != nullptr);
  X509_set_version(made.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), -10 * day);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), days * day);
  X509_set_pubkey(made.get(), pair.get());
  X509_NAME* subject = X509_get_subject_name(made.get());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_issuer_name(made.get(), subject);
  expect(X509_sign(made.get(), pair.get(), EVP_sha256()) > 0);
  write_file(key(), [&](std::FILE* out) {
    return PEM_write_PrivateKey(out, pair.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
  write_file(certificate(), [&](std::FILE* out) { return PEM_write_X509(out, made.get()); });
}

}  // namespace troupe::test
