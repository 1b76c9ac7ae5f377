#pragma once

#include <string>

#include "runtime/config/schema.hpp"

namespace troupe {

/// What a process of a cluster shows others, and whom it believes: PEM files, all of them or none.
struct tls_files {
  std::string certificate;  ///< its own, and those between it and the authority
  std::string key;          ///< of the certificate, without a passphrase
  std::string authority;    ///< certificates of those whose signature makes a member

  [[nodiscard]] bool used() const {
    return !certificate.empty() || !key.empty() || !authority.empty();
  }
  friend bool operator==(const tls_files&, const tls_files&) = default;
};

/// Describes the table [tls]. `files` must outlive the schema.
void describe(config_schema& schema, tls_files& files);

}  // namespace troupe
