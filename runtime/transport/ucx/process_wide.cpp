#include "runtime/transport/ucx/process_wide.hpp"

#include <ucs/debug/debug.h>
#include <ucs/debug/log_def.h>

#include <csignal>
#include <cstdlib>
#include <mutex>

namespace troupe::ucx {
namespace {

ucs_log_func_rc_t swallow(const char*, unsigned, const char*, ucs_log_level_t level,
                          const ucs_log_component_config_t*, const char*, va_list) {
  // What precedes an abort is shown in any case.
  return level == UCS_LOG_LEVEL_FATAL ? UCS_LOG_FUNC_RC_CONTINUE : UCS_LOG_FUNC_RC_STOP;
}

}  // namespace

void leave_process_alone() {
  static std::once_flag once;
  std::call_once(once, [] {
    // Whoever sets a level wants to see UCX's log.
    if (std::getenv("UCX_LOG_LEVEL") == nullptr) ucs_log_push_handler(&swallow);
    for (const int number : {SIGILL, SIGSEGV, SIGBUS, SIGFPE}) ucs_debug_disable_signal(number);
  });
}

}  // namespace troupe::ucx
