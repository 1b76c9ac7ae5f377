#pragma once

#include <filesystem>
#include <string>

namespace troupe::test {

/// A self-signed certificate for 127.0.0.1 and its key, in a folder of their own that goes with
/// this object. Throws where OpenSSL fails.
class certificate_maker {
 public:
  certificate_maker();
  certificate_maker(const certificate_maker&) = delete;
  certificate_maker& operator=(const certificate_maker&) = delete;
  ~certificate_maker();

  /// Another pair in the same files, as when a certificate is renewed. `days` below 0: it has run
  /// out already.
  void renew(const std::string& name, int days = 2) const;
  [[nodiscard]] std::string certificate() const { return folder_ / "certificate.pem"; }
  [[nodiscard]] std::string key() const { return folder_ / "key.pem"; }

 private:
  std::filesystem::path folder_;
};

}  // namespace troupe::test
