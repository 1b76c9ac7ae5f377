#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "runtime/base/result.hpp"
#include "runtime/cache/kv_store.hpp"
#include "runtime/cache/page_tiers.hpp"

namespace troupe {

/// The tiers of one stage.
struct tier_settings {
  std::size_t host_bytes = 0;    ///< 0: none
  std::filesystem::path folder;  ///< empty: no disk
  std::uint64_t disk_bytes = 0;
  std::string identity;  ///< of disk_tier: all that the contents' meaning depends on
};

/// Counts of a process's tiers, for metrics. Any thread.
struct tier_counters {
  std::atomic<std::uint64_t> host_pages = 0;      ///< came back from the host's memory
  std::atomic<std::uint64_t> disk_pages = 0;      ///< came back from the disk
  std::atomic<std::uint64_t> written_pages = 0;   ///< written to the disk
  std::atomic<std::uint64_t> rejected_files = 0;  ///< torn or foreign, and removed
  std::atomic<std::uint64_t> lost_pages = 0;      ///< not written, as the disk is slow or full
};

/// The host's memory and a disk behind a stage's pages, and the thread that copies between them:
/// nobody else waits for a copy or a disk. Fetches go before copies out, and those before writes to
/// the disk; a page that finds too many waiting for the disk is not written. The store is kept, and
/// must lie in memory that the host can read. Fails with io_error where the folder cannot be used.
[[nodiscard]] result<std::shared_ptr<page_tiers>> make_tiered_pages(
    std::shared_ptr<const kv_store> store, const tier_settings& settings,
    std::shared_ptr<tier_counters> counters);

}  // namespace troupe
