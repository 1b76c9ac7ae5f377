#include "runtime/tls/certificate_times.hpp"

#include <doctest/doctest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>

namespace troupe::test {
namespace {

/// A file that goes with it.
class scratch_file {
 public:
  scratch_file() {
    std::string pattern = (std::filesystem::temp_directory_path() / "troupe-pem-XXXXXX").string();
    const int file = ::mkstemp(pattern.data());
    REQUIRE(file >= 0);
    ::close(file);
    path_ = pattern;
  }
  scratch_file(const scratch_file&) = delete;
  scratch_file& operator=(const scratch_file&) = delete;
  ~scratch_file() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// Writes a certificate, good from `from` to `until` seconds from now.
void write_certificate(const std::string& path, long from, long until) {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const std::unique_ptr<X509, decltype(&X509_free)> made(X509_new(), X509_free);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), from);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), until);
  X509_set_pubkey(made.get(), key.get());
  REQUIRE(X509_sign(made.get(), key.get(), EVP_sha256()) > 0);
  const std::unique_ptr<std::FILE, decltype(&std::fclose)> file(std::fopen(path.c_str(), "w"),
                                                                std::fclose);
  REQUIRE(PEM_write_X509(file.get(), made.get()) == 1);
}

}  // namespace

TEST_CASE("a certificate says from when until when it is good") {
  const scratch_file file;
  const auto now = std::chrono::system_clock::now();
  write_certificate(file.path(), -3'600, 86'400);
  const auto times = read_certificate_times(file.path());
  REQUIRE(times);
  const auto near = [](auto a, auto b) {
    return std::chrono::abs(a - b) < std::chrono::minutes(1);
  };
  CHECK(near(times->from, now - std::chrono::hours(1)));
  CHECK(near(times->until, now + std::chrono::hours(24)));
}

TEST_CASE("a file without a certificate, or none at all, has no times") {
  const scratch_file file;
  CHECK(read_certificate_times(file.path()).error().code() == errc::corrupt);
  std::ofstream(file.path()) << "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  CHECK(read_certificate_times(file.path()).error().code() == errc::corrupt);
  const auto missing = read_certificate_times(file.path() + ".none");
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code() == errc::io_error);
  CHECK(missing.error().message().find(file.path()) != std::string::npos);
}

}  // namespace troupe::test
