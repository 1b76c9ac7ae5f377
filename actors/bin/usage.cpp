#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "actors/bin/commands.hpp"
#include "actors/bin/usage_text.hpp"

namespace troupe::cli {
namespace {

struct usage_options {
  std::vector<std::string> ledgers;
  std::string by = "day";
  std::string since;
  std::string until;
  bool csv = false;
};

result<void> usage(const usage_options& options) {
  const auto by = parse_groups(options.by);
  if (!by) return fail(by.error());
  const auto span = parse_days(options.since, options.until);
  if (!span) return fail(span.error());
  const auto report = report_usage(options.ledgers, *by, *span);
  if (!report) return fail(report.error());
  fmt::print("{}", options.csv ? to_csv(*report, *by) : to_text(*report, *by));
  return {};
}

}  // namespace

void add_usage(CLI::App& app, action& chosen) {
  const auto options = std::make_shared<usage_options>();
  CLI::App* command = app.add_subcommand("usage", "Add up what was used, and what it cost");
  command
      ->add_option("--ledger", options->ledgers,
                   "A ledger's file or its postgresql:// address, which servers may be using; of "
                   "several, an answer that more than one has counts once")
      ->required()
      ->type_name("FILE");
  command
      ->add_option("--by", options->by,
                   "What lines are for: key, model, day, several with commas between, or total")
      ->capture_default_str()
      ->type_name("GROUPS");
  command->add_option("--since", options->since, "First day, of UTC: 2026-01-31")->type_name("DAY");
  command->add_option("--until", options->until, "Last day")->type_name("DAY");
  command->add_flag("--csv", options->csv, "Print CSV, without totals");
  command->footer("Example:\n  troupe usage --ledger usage.db --by day,model --since 2026-01-01");
  command->callback([options, &chosen] { chosen = [options] { return usage(*options); }; });
}

}  // namespace troupe::cli
