#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "actors/interfaces.hpp"
#include "runtime/device/device.hpp"
#include "runtime/engine/step_inputs.hpp"

namespace troupe {

/// Where a stage's steps go on: to the next stage, or with their result to the batcher.
///
/// Nothing here waits: work that needs what the stage computes goes behind it on the device. Called
/// by the stage's attention block only.
class stage_exit {
 public:
  stage_exit() = default;
  stage_exit(const stage_exit&) = delete;
  stage_exit& operator=(const stage_exit&) = delete;
  virtual ~stage_exit() = default;

  /// Whether the hidden rows of a step that leaves may lie in the device's own memory, which it
  /// must have for that, rather than in what it shares with the machine.
  [[nodiscard]] virtual bool takes_memory_of(const device& dev) const = 0;
  /// All of the stage's work for the step has been submitted; `inputs` must live until the device
  /// has passed it.
  virtual void leave(device& dev, step_message m, std::shared_ptr<step_inputs> inputs) = 0;
  virtual void fail(const step_failure& failure) = 0;
};

/// Hears what is written to a stage's pages, to tell its buddies.
class stage_log {
 public:
  stage_log() = default;
  stage_log(const stage_log&) = delete;
  stage_log& operator=(const stage_log&) = delete;
  virtual ~stage_log() = default;

  /// Of the attention block: after leave(), with what the step was computed from.
  virtual void written(device& dev, std::shared_ptr<const step_inputs> inputs) = 0;
  /// Of the cache manager: pages have got from a tier what no step has written. Before the first
  /// step that reads them. Returns a number for told(), greater than any before.
  [[nodiscard]] virtual std::uint64_t filled(device& dev, std::vector<std::int32_t> pages) = 0;
  /// Whether the buddies have been sent what pages had got up to that call. A step that reads them
  /// sooner has it sent at once, which takes its time. Any thread.
  [[nodiscard]] virtual bool told(std::uint64_t fill) const = 0;
  /// Of the attention block: a sequence ended; no step under way uses it.
  virtual void released(device& dev, sequence_id id) = 0;
};

}  // namespace troupe
