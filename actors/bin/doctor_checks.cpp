#include "actors/bin/doctor_checks.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "actors/bin/table.hpp"

namespace troupe::cli {
namespace {

using level = finding::level;

constexpr std::uint64_t gib = 1U << 30U;
constexpr std::chrono::hours renew_in{24 * 14};
/// Slower than this a copy of keys and values falls behind.
constexpr double least_bytes_per_second = 100e6;

void memory(const host_facts& f, std::vector<finding>& out) {
  if (!f.memlock_bytes)
    out.push_back({level::well, "memlock", "no limit", ""});
  else
    out.push_back({f.rdma_ports.empty() && f.gpu_driver.empty() ? level::remark : level::wrong,
                   "memlock", short_bytes(*f.memlock_bytes),
                   "RDMA and GPUs want to pin memory: LimitMEMLOCK=infinity in the unit, or "
                   "/etc/security/limits.d"});
  const bool little = f.memory_bytes < 2 * gib;
  out.push_back({little ? level::remark : level::well, "memory",
                 short_bytes(f.memory_bytes) + " available",
                 little ? "a node needs room for its weights, keys and values" : ""});
  out.push_back({level::well, "huge pages",
                 f.huge_pages == 0 ? "none set aside" : fmt::format("{} set aside", f.huge_pages),
                 ""});
}

bool is_rdma(const ucx_way& way) {
  for (const char* family : {"rc", "dc", "ud"})
    if (way.transport.starts_with(family)) return true;
  return false;
}

bool has_active_port(const host_facts& f) {
  return std::ranges::any_of(
      f.rdma_ports, [](const std::string& p) { return p.find("ACTIVE") != std::string::npos; });
}

/// "tcp (eth0, lo), posix (memory)".
std::string listed(const std::vector<ucx_way>& ways) {
  std::map<std::string, std::set<std::string>> devices;
  for (const ucx_way& w : ways) devices[w.transport].insert(w.device);
  std::vector<std::string> out;
  out.reserve(devices.size());
  for (const auto& [transport, names] : devices)
    out.push_back(fmt::format("{} ({})", transport, fmt::join(names, ", ")));
  return fmt::format("{}", fmt::join(out, ", "));
}

void ways(const host_facts& f, std::vector<finding>& out) {
  if (!f.ucx) {
    out.push_back({level::wrong, "UCX", f.ucx.error().message(), "apt-get install libucx0"});
    return;
  }
  const std::vector<ucx_way>& found = f.ucx->ways;
  const bool tcp =
      std::ranges::any_of(found, [](const ucx_way& w) { return w.transport == "tcp"; });
  out.push_back({tcp ? level::well : level::wrong, "UCX",
                 found.empty() ? "finds no way to other processes" : "finds " + listed(found),
                 tcp ? ""
                     : "nodes reach each other over TCP: bring an interface up, or mend UCX's "
                       "installation (ucx_info -d)"});
  if (!f.gpu_driver.empty() && !f.ucx->gpu_memory)
    out.push_back({level::remark, "UCX", "does not know GPU memory: rows go through pinned memory",
                   "put a UCX with CUDA (the wheel libucx-cu13) into LD_LIBRARY_PATH, and \"cuda\" "
                   "into [data] transports"});
  if (!has_active_port(f) || std::ranges::any_of(found, is_rdma)) return;
  out.push_back({level::wrong, "UCX", "does not find the RDMA devices that are there",
                 "apt-get install ibverbs-providers rdma-core; may this user open "
                 "/dev/infiniband/*?"});
}

void devices(const host_facts& f, std::vector<finding>& out) {
  out.push_back({level::well, "arithmetic", f.kernel_target, ""});
  out.push_back(
      {f.network.empty() ? level::wrong : level::well, "network",
       f.network.empty() ? "no interface is up" : fmt::format("{}", fmt::join(f.network, ", ")),
       f.network.empty() ? "bring one up: ip link set NAME up" : ""});
  const bool active = f.rdma_ports.empty() || has_active_port(f);
  out.push_back(
      {active ? level::well : level::wrong, "RDMA",
       f.rdma_ports.empty() ? "no devices" : fmt::format("{}", fmt::join(f.rdma_ports, ", ")),
       active ? "" : "no port is active: look at cables, switches and `ibstat`"});
  out.push_back(
      {level::well, "CUDA", f.gpu_driver.empty() ? "no GPU" : "driver " + f.gpu_driver, ""});
  const bool alone = !f.gpu_driver.empty() && !f.nccl;
  out.push_back({alone ? level::remark : level::well, "NCCL", f.nccl ? "there" : "not there",
                 alone ? "GPUs talk faster with it: apt-get install libnccl2" : ""});
}

void certificates(const host_facts& f, std::vector<finding>& out) {
  if (!f.tls)
    out.push_back({level::wrong, "TLS", f.tls.error().message(),
                   "have certificates made anew: ansible-playbook rotate-certificates.yml"});
  for (const host_facts::file& c : f.certificates) {
    if (!c.times) {
      out.push_back({level::wrong, "certificate", c.times.error().message(), "name a PEM file"});
      continue;
    }
    const auto left = c.times->until - f.now;
    const auto days = std::chrono::duration_cast<std::chrono::hours>(left).count() / 24;
    if (left <= std::chrono::seconds(0))
      out.push_back({level::wrong, "certificate", c.path + " has run out",
                     "ansible-playbook rotate-certificates.yml"});
    else if (c.times->from > f.now)
      out.push_back({level::wrong, "certificate", c.path + " is not good yet",
                     "this machine's clock is behind, or the authority's was ahead"});
    else
      out.push_back({left < renew_in ? level::remark : level::well, "certificate",
                     fmt::format("{}: {} days left", c.path, days),
                     left < renew_in ? "ansible-playbook rotate-certificates.yml" : ""});
  }
}

void connections(const host_facts& f, std::vector<finding>& out) {
  for (const host_facts::port& p : f.listened_on)
    out.push_back({p.trouble.empty() ? level::well : level::wrong, "port",
                   p.address + (p.trouble.empty() ? " is free" : ": " + p.trouble),
                   p.trouble.empty() ? "" : "who has it: ss -ltnp"});
  for (const host_facts::port& p : f.reached)
    out.push_back({p.trouble.empty() ? level::well : level::wrong, "peer",
                   p.address + (p.trouble.empty() ? " answers" : ": " + p.trouble),
                   p.trouble.empty() ? "" : "is it running, and does a firewall stand between?"});
  for (const host_facts::link& l : f.links) {
    if (!l.bytes_per_second) {
      out.push_back({level::wrong, "bandwidth", l.bytes_per_second.error().message(),
                     "run `troupe doctor --serve PORT` there"});
      continue;
    }
    const bool slow = *l.bytes_per_second < least_bytes_per_second;
    out.push_back({slow ? level::remark : level::well, "bandwidth",
                   fmt::format("{}: {:.2f} GB/s", l.peer, *l.bytes_per_second / 1e9),
                   slow ? "copies of keys and values may fall behind" : ""});
  }
}

}  // namespace

std::vector<finding> examine(const host_facts& facts) {
  std::vector<finding> out;
  devices(facts, out);
  ways(facts, out);
  memory(facts, out);
  out.push_back(
      {facts.clock_synchronised ? level::well : level::remark, "clock",
       facts.clock_synchronised ? "synchronised" : "not synchronised",
       facts.clock_synchronised ? "" : "certificates and logs need it: chronyc tracking"});
  certificates(facts, out);
  connections(facts, out);
  return out;
}

}  // namespace troupe::cli
