#pragma once

#include <boost/asio/ssl/context.hpp>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "runtime/base/result.hpp"

namespace troupe::gateway {

/// PEM files by which a server proves to its clients who it is; both or none.
struct identity_files {
  std::string certificate;  ///< its own, then those between it and the authority
  std::string key;          ///< of the certificate, without a passphrase
};

struct identity_settings {
  /// A change of the files counts after so long.
  std::chrono::milliseconds refresh{500};
  /// Hears, on a thread of the identity's, what became of changed files.
  std::function<void(std::string_view)> report;
};

/// What the HTTP port's TLS is made with: TLS 1.2 and 1.3, HTTP/1.1 by ALPN. Follows the files: new
/// connections get what lies there now, those that are open keep theirs. Files that cannot be used
/// (a certificate that is there before its key, say) leave things as they are. Any thread.
class tls_identity {
 public:
  /// Reads the files once. Fails with invalid_argument, which names the file and the reason: not
  /// there, no PEM, a passphrase, a key that is another certificate's, a certificate out of date.
  [[nodiscard]] static result<std::unique_ptr<tls_identity>> open(const identity_files& files,
                                                                  identity_settings settings = {});
  tls_identity(const tls_identity&) = delete;
  tls_identity& operator=(const tls_identity&) = delete;
  ~tls_identity() = default;

  /// For a new connection, which keeps it.
  [[nodiscard]] std::shared_ptr<boost::asio::ssl::context> current() const;

 private:
  tls_identity(identity_files files, identity_settings settings);
  void follow(const std::stop_token& stop);
  /// What changes where a file does.
  [[nodiscard]] std::string stamp() const;

  const identity_files files_;
  const identity_settings settings_;
  mutable std::mutex mutex_;
  std::condition_variable_any stopping_;
  std::shared_ptr<boost::asio::ssl::context> current_;
  std::string seen_;  ///< the stamp of what was read last; the thread's, once that runs
  std::jthread thread_;
};

}  // namespace troupe::gateway
