#pragma once

namespace troupe::ucx {

/// Takes back what UCX does to the whole process that loads it: its log lines go nowhere instead of
/// to standard output (results carry what went wrong), unless UCX_LOG_LEVEL is set in the
/// environment, and its handlers of SIGSEGV and the like are gone. Any thread.
void leave_process_alone();

}  // namespace troupe::ucx
