#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/tls/certificate_times.hpp"
#include "runtime/transport/ucx/ways.hpp"

namespace troupe::cli {

/// What `troupe doctor` has found out of this machine.
struct host_facts {
  struct file {
    std::string path;
    result<certificate_times> times = fail(errc::not_found, "not looked at");
  };
  /// Another process, or a port of this machine.
  struct port {
    std::string address;  ///< "host:port"
    std::string trouble;  ///< empty: it answers, or can be listened on
  };
  struct link {
    std::string peer;
    result<double> bytes_per_second = fail(errc::not_found, "not measured");
  };

  std::optional<std::uint64_t> memlock_bytes;  ///< none: no limit
  std::vector<std::string> rdma_ports;         ///< "mlx5_0 port 1: ACTIVE"
  result<ucx_findings> ucx = fail(errc::not_found, "not looked at");
  std::uint64_t memory_bytes = 0;  ///< available
  std::uint64_t huge_pages = 0;    ///< set aside, of any use
  bool clock_synchronised = false;
  std::string gpu_driver;            ///< empty: no GPU
  bool nccl = false;                 ///< its library can be loaded
  std::vector<std::string> network;  ///< interfaces that UCX may take, with their speed
  std::string kernel_target;         ///< what arithmetic is done with
  std::chrono::system_clock::time_point now;
  result<void> tls;                ///< what is wrong with the files as a whole
  std::vector<file> certificates;  ///< empty: none are used
  std::vector<port> reached;       ///< addresses to join
  std::vector<port> listened_on;   ///< ports to listen on
  std::vector<link> links;         ///< measured
};

/// What a check found, and what to do about it.
struct finding {
  enum class level : std::uint8_t { well, remark, wrong };
  level how = level::well;
  std::string subject;
  std::string text;
  std::string advice;  ///< empty where all is well
};

/// Pure: findings in the order in which they are shown.
[[nodiscard]] std::vector<finding> examine(const host_facts& facts);

}  // namespace troupe::cli
