#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "runtime/config/data_plane.hpp"
#include "runtime/config/tls_files.hpp"

namespace troupe {

/// How a model is spread over processes.
struct cluster_config {
  std::uint32_t workers = 0;         ///< child processes that serve the model; 0: this process does
  std::uint32_t expert_workers = 0;  ///< of child processes, beside `workers`: for experts only
  std::uint32_t redundancy = 2;    ///< copies of everything in all: losing one fewer loses nothing
  std::string host = "127.0.0.1";  ///< address that nodes join
  std::uint32_t port = 0;          ///< of that address; 0: a free one
  std::uint32_t suspect_after_ms = 500;  ///< of silence: a node gets nothing new
  std::uint32_t gone_after_ms = 1000;    ///< of silence: the cluster goes on without it
  /// For as long an answer goes on whose gateway is gone, and one that has ended is kept.
  std::chrono::milliseconds answers_kept{30'000};

  /// How often experts that are chosen much more than others get copies on more nodes; 0: never.
  std::uint32_t rebalance_ms = 10'000;

  data_plane data;
  tls_files tls;  ///< of the port that nodes join

  /// How often peers say that they live. Silence seems longer than it is by up to that much, and
  /// what is lost to it is room between a process that pauses and one that is given up.
  [[nodiscard]] std::uint32_t heartbeat_ms() const { return suspect_after_ms / 10; }
};

}  // namespace troupe
