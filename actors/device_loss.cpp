#include "actors/device_loss.hpp"

#include <spdlog/spdlog.h>

#include <cstdlib>

namespace troupe {

void end_without_device(const error& why) {
  spdlog::critical("the device is lost: {}", why.message());
  if (const auto log = spdlog::default_logger()) log->flush();
  // No destructor can wait for work that will never be done.
  std::_Exit(device_lost_status);
}

}  // namespace troupe
