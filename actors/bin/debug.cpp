#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <utility>

#include "actors/bin/bundle.hpp"
#include "actors/bin/host_facts.hpp"
#include "actors/bin/http_call.hpp"
#include "actors/bin/operator_commands.hpp"
#include "actors/bin/server_option.hpp"
#include "runtime/release/release.hpp"

namespace troupe::cli {
namespace {

constexpr std::chrono::seconds limit{5};
constexpr std::size_t most_bytes = 16U << 20U;  // of each file

struct bundle_options {
  server_option server;
  std::string output;
  std::string settings = "/etc/troupe";  ///< the folder
};

/// What a command prints; the commands are this program's own words.
std::string output_of(const std::string& command) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(
      ::popen(("timeout 20 " + command + " 2>&1").c_str(), "r"),  // NOLINT(cert-env33-c)
      [](std::FILE* f) { return ::pclose(f); });
  if (pipe == nullptr) return "it could not be started\n";
  std::string out;
  std::array<char, 65'536> piece{};
  while (out.size() < most_bytes) {
    const std::size_t got = std::fread(piece.data(), 1, piece.size(), pipe.get());
    if (got == 0) break;
    out.append(piece.data(), got);
  }
  return out;
}

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return "it is not there\n";
  std::string out{std::istreambuf_iterator<char>(file), {}};
  return out.substr(0, most_bytes);
}

std::string examined() {
  std::string out;
  for (const finding& x : examine(look_at_host({})))
    out += fmt::format("{}: {} {}\n", x.subject, x.text, x.advice);
  return out;
}

std::string answer_of(const server_address& server, const char* path) {
  const auto reply = http_get(server, path, limit);
  if (!reply) return reply.error().message() + '\n';
  return fmt::format("{}\n{}\n", reply->status, reply->body);
}

/// What this process was given that troupe or its libraries read.
std::string environment() {
  std::string out;
  for (char** at = environ; *at != nullptr; ++at) {
    const std::string_view variable(*at);
    for (const char* family : {"TROUPE_", "UCX_", "OTEL_", "NCCL_", "CUDA_", "SSL_", "LC_", "LANG"})
      if (variable.starts_with(family)) out += std::string(variable) + '\n';
  }
  return out;
}

std::vector<bundle_file> collect(const bundle_options& options, const server_address& server) {
  std::vector<bundle_file> files{
      {"version", fmt::format("troupe {} ({})\n", release::version, show(release::protocols))},
      {"doctor", examined()},
      {"environment", environment()},
      {"kernel", output_of("uname -a")},
      {"processes", output_of("ps -eo pid,ppid,etime,rss,stat,comm")},
      {"sockets", output_of("ss -tan")},
      {"disks", output_of("df -h")},
      {"cpu", output_of("lscpu")},
      {"memory", content_of("/proc/meminfo")},
      {"pressure-memory", content_of("/proc/pressure/memory")},
      {"os-release", content_of("/etc/os-release")}};
  for (const char* part : {"supervisor", "node", "gateway"}) {
    const std::string unit = fmt::format("troupe-{}", part);
    files.push_back({fmt::format("{}.toml", part),
                     content_of(fmt::format("{}/{}.toml", options.settings, part))});
    files.push_back({unit + ".unit", output_of("systemctl --no-pager show " + unit)});
    files.push_back({unit + ".log", output_of("journalctl --no-pager -n 5000 -u " + unit)});
  }
  for (const char* path : {"/health", "/cluster", "/metrics", "/v1/models"}) {
    std::string name = std::string("server") + path;
    for (char& c : name)
      if (c == '/') c = '-';
    files.push_back({name, answer_of(server, path)});
  }
  for (bundle_file& f : files) f.content = without_secrets(f.content);
  return files;
}

result<void> write_bundle(const bundle_options& options) {
  const auto server = options.server.address();
  if (!server) return fail(server.error());
  const auto now = std::chrono::system_clock::now();
  const std::string name = fmt::format("troupe-debug-{:%Y%m%dT%H%M%SZ}",
                                       fmt::gmtime(std::chrono::system_clock::to_time_t(now)));
  const std::string path = options.output.empty() ? name + ".tar" : options.output;
  const std::string archive = tar_of(collect(options, *server), name, now);
  const auto before = ::umask(0077);
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  ::umask(before);
  out << archive;
  if (!out.flush()) return fail(errc::io_error, "{} cannot be written", path);
  fmt::print("{}: look through it before you send it; keys and private keys have been removed\n",
             path);
  return {};
}

}  // namespace

void add_debug(CLI::App& app, action& chosen) {
  const auto options = std::make_shared<bundle_options>();
  CLI::App* command = app.add_subcommand("debug", "What a report of a defect needs");
  command->require_subcommand(1);
  CLI::App* bundle = command->add_subcommand(
      "bundle", "Put logs, settings and states into one file, without secrets");
  options->server.add_to(*bundle);
  bundle->add_option("--output", options->output, "The file; default: troupe-debug-TIME.tar here")
      ->type_name("FILE");
  bundle->add_option("--settings", options->settings, "Where the settings lie")
      ->type_name("FOLDER")
      ->capture_default_str();
  bundle->footer("Example:\n  troupe debug bundle --url http://10.0.0.1:8090");
  bundle->callback([options, &chosen] { chosen = [options] { return write_bundle(*options); }; });
}

}  // namespace troupe::cli
