#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <csignal>
#include <memory>

#include "actors/bin/bandwidth_probe.hpp"
#include "actors/bin/host_facts.hpp"
#include "actors/bin/interrupts.hpp"
#include "actors/bin/operator_commands.hpp"
#include "actors/bin/table.hpp"
#include "actors/cluster/join_address.hpp"

namespace troupe::cli {
namespace {

struct doctor_options {
  doctor_request request;
  std::string join;
  std::uint16_t serve = 0;
  bool serves = false;
  bool json = false;
};

const char* word(finding::level how) {
  switch (how) {
    case finding::level::well:
      return "well";
    case finding::level::remark:
      return "remark";
    case finding::level::wrong:
      break;
  }
  return "WRONG";
}

void print_json(const std::vector<finding>& findings) {
  boost::json::array all;
  for (const finding& x : findings)
    all.push_back(boost::json::object{
        {"level", word(x.how)}, {"subject", x.subject}, {"text", x.text}, {"advice", x.advice}});
  fmt::print("{}\n", boost::json::serialize(all));
}

void print_text(const std::vector<finding>& findings) {
  std::vector<std::vector<std::string>> rows;
  for (const finding& x : findings) {
    rows.push_back({word(x.how), x.subject, x.text});
    if (!x.advice.empty()) rows.push_back({"", "", "-> " + x.advice});
  }
  fmt::print("{}", align(rows, false));
}

result<void> serve(std::uint16_t port) {
  const interrupts signals{SIGINT, SIGTERM};
  return serve_bandwidth(
      port,
      [](std::uint16_t at) {
        fmt::print("Measuring at port {}, until Ctrl-C; elsewhere: troupe doctor --peer HOST:{}\n",
                   at, at);
        std::fflush(stdout);
      },
      [&signals] { return signals.take() != 0; });
}

result<void> doctor(doctor_options& options) {
  if (options.serves) return serve(options.serve);
  options.request.join = split_addresses(options.join);
  const auto findings = examine(look_at_host(options.request));
  options.json ? print_json(findings) : print_text(findings);
  std::size_t wrong = 0;
  for (const finding& x : findings) wrong += x.how == finding::level::wrong ? 1 : 0;
  if (wrong == 0) return {};
  return fail(errc::unavailable, "{} {} wrong", wrong, wrong == 1 ? "thing is" : "things are");
}

}  // namespace

void add_doctor(CLI::App& app, action& chosen) {
  const auto options = std::make_shared<doctor_options>();
  CLI::App* command = app.add_subcommand(
      "doctor", "Look at what this machine has for a cluster, and say what to do");
  doctor_request& asked = options->request;
  command->add_option("--join", options->join, "Supervisors that must answer")
      ->type_name("HOST:PORT");
  command->add_option("--listen", asked.listen, "An address that must be free; any number of times")
      ->type_name("ADDRESS:PORT");
  command->add_option("--peer", asked.peers, "Measure the bandwidth to there; any number of times")
      ->type_name("HOST:PORT");
  command->add_option("--serve", options->serve, "Be where others measure to; 0: at a free port")
      ->type_name("PORT");
  command->add_option("--tls-certificate", asked.tls.certificate, "This machine's certificate")
      ->type_name("FILE");
  command->add_option("--tls-key", asked.tls.key, "The certificate's key")->type_name("FILE");
  command->add_option("--tls-authority", asked.tls.authority, "Who signs members")
      ->type_name("FILE");
  command->add_flag("--json", options->json, "Print JSON");
  command->footer(
      "Example:\n  troupe doctor --join 10.0.0.1:7001 --listen 0.0.0.0:8080\n"
      "  troupe doctor --serve 7012     # here, and there: troupe doctor --peer HERE:7012");
  command->callback([options, &chosen, command] {
    options->serves = command->count("--serve") > 0;
    chosen = [options] { return doctor(*options); };
  });
}

}  // namespace troupe::cli
