#pragma once

#include "runtime/base/result.hpp"

namespace troupe {

/// What a process's end says when its device was lost: start it again (EX_TEMPFAIL).
inline constexpr int device_lost_status = 75;

/// Ends the process at once, with one line of why: after a sticky error of a GPU nothing that was
/// submitted will be done, and only a new process can use the device. Its peers see the end of
/// their connections, and the cluster goes on as after any worker that was killed.
[[noreturn]] void end_without_device(const error& why);

}  // namespace troupe
