#include "actors/bin/host_facts.hpp"

#include <dlfcn.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/timex.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "actors/bin/bandwidth_probe.hpp"
#include "actors/cluster/join_address.hpp"
#include "actors/cluster/tls_check.hpp"
#include "actors/engine/memory_plan.hpp"
#include "kernels/cpu/backend.hpp"

namespace troupe::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds knock_limit{2};

/// The first line of a small file; empty where there is none.
std::string line_of(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

/// Entries of a folder of /sys; none where there is no such folder.
std::vector<fs::path> entries(const fs::path& folder) {
  std::vector<fs::path> out;
  std::error_code none;
  for (const fs::directory_entry& e : fs::directory_iterator(folder, none)) out.push_back(e.path());
  return out;
}

std::vector<std::string> rdma_ports() {
  std::vector<std::string> out;
  for (const fs::path& device : entries("/sys/class/infiniband"))
    for (const fs::path& port : entries(device / "ports"))
      out.push_back(fmt::format("{} port {}: {}", device.filename().string(),
                                port.filename().string(), line_of(port / "state")));
  return out;
}

std::vector<std::string> interfaces() {
  std::vector<std::string> out;
  for (const fs::path& i : entries("/sys/class/net")) {
    const std::string state = line_of(i / "operstate");
    if (state != "up" && state != "unknown") continue;
    const std::string speed = line_of(i / "speed");
    const bool told = !speed.empty() && speed.front() != '-';
    out.push_back(i.filename().string() + (told ? " (" + speed + " Mb/s)" : ""));
  }
  return out;
}

std::uint64_t huge_pages() {
  const std::string text = line_of("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages");
  return std::strtoull(text.c_str(), nullptr, 10);
}

bool clock_synchronised() {
  timex state{};
  return ::adjtimex(&state) != TIME_ERROR &&
         (static_cast<unsigned>(state.status) & STA_UNSYNC) == 0;
}

bool can_load(const char* library) {
  void* handle = ::dlopen(library, RTLD_LAZY | RTLD_LOCAL);
  if (handle == nullptr) return false;
  ::dlclose(handle);
  return true;
}

host_facts::port knock_at(const std::string& address) {
  const auto at = parse_join_address(address);
  if (!at) return {address, at.error().message()};
  switch (knock(*at, knock_limit)) {
    case door::open:
      return {address, ""};
    case door::refused:
      return {address, "nobody listens there"};
    case door::silent:
      break;
  }
  return {address, "it is silent"};
}

host_facts::port listen_at(const std::string& address) {
  namespace ip = boost::asio::ip;
  const auto at = parse_join_address(address);
  if (!at) return {address, at.error().message()};
  boost::system::error_code code;
  const auto host = ip::make_address(at->host, code);
  if (code) return {address, "an address of this machine is wanted, not a name"};
  boost::asio::io_context io;
  ip::tcp::acceptor acceptor(io);
  const ip::tcp::endpoint end(host, at->port);
  acceptor.open(end.protocol(), code);
  if (!code) acceptor.set_option(ip::tcp::acceptor::reuse_address(true), code);
  if (!code) acceptor.bind(end, code);
  if (!code) acceptor.listen(1, code);
  return {address, code ? code.message() : ""};
}

}  // namespace

host_facts look_at_host(const doctor_request& request) {
  host_facts f;
  f.now = std::chrono::system_clock::now();
  rlimit limit{};
  if (::getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
    f.memlock_bytes = limit.rlim_cur;
  f.rdma_ports = rdma_ports();
  f.ucx = look_at_ucx();
  f.network = interfaces();
  f.memory_bytes = available_memory();
  f.huge_pages = huge_pages();
  f.clock_synchronised = clock_synchronised();
  f.gpu_driver = line_of("/sys/module/nvidia/version");
  f.kernel_target = kernels::cpu::make_cpu_backend()->target();
  f.nccl = can_load("libnccl.so.2");
  f.tls = check(request.tls);
  if (request.tls.used())
    for (const std::string& file : {request.tls.certificate, request.tls.authority})
      if (!file.empty()) f.certificates.push_back({file, read_certificate_times(file)});
  for (const std::string& address : request.join) f.reached.push_back(knock_at(address));
  for (const std::string& address : request.listen) f.listened_on.push_back(listen_at(address));
  for (const std::string& peer : request.peers) f.links.push_back({peer, measure_bandwidth(peer)});
  return f;
}

}  // namespace troupe::cli
