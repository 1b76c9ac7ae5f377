#include "actors/bin/file_limit.hpp"

#include <sys/resource.h>

#include <algorithm>

namespace troupe::cli {
namespace {
/// The model, ledgers, the cluster's own connections.
constexpr rlim_t other_files = 512;
}  // namespace

void raise_file_limit(std::size_t connections, spdlog::logger& log) {
  rlimit now = {};
  if (::getrlimit(RLIMIT_NOFILE, &now) != 0) return;
  const rlim_t wanted = static_cast<rlim_t>(connections) + other_files;
  if (now.rlim_cur >= wanted) return;
  now.rlim_cur = std::min(wanted, now.rlim_max);
  const bool raised = ::setrlimit(RLIMIT_NOFILE, &now) == 0;
  if (!raised || now.rlim_cur < wanted) {
    log.warn("{} connections need {} open files, and the system allows {}: raise it (ulimit -Hn)",
             connections, wanted, now.rlim_cur);
  }
}

}  // namespace troupe::cli
