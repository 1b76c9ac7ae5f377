#include <fmt/format.h>

#include <boost/json/serialize.hpp>
#include <memory>

#include "actors/bin/commands.hpp"
#include "actors/bin/model_location.hpp"
#include "actors/bin/model_report.hpp"

namespace troupe::cli {
namespace {

struct inspect_options {
  std::string model;
  bool json = false;
  bool tensors = false;
};

result<void> inspect(const inspect_options& options) {
  const auto path = find_model(options.model);
  if (!path) return fail(path.error());
  const auto model = model_files::open(*path);
  if (!model) return fail(model.error());
  const model_report report = report_on(**model);
  if (options.json)
    fmt::print("{}\n", boost::json::serialize(to_json(report, options.tensors)));
  else
    fmt::print("{}", to_text(report, options.tensors));
  return {};
}

}  // namespace

void add_inspect(CLI::App& app, action& chosen) {
  const auto options = std::make_shared<inspect_options>();
  CLI::App* command = app.add_subcommand("inspect", "Show what a model is and what it needs");
  command
      ->add_option("MODEL", options->model,
                   "A GGUF file or a Hugging Face folder; default: TROUPE_MODEL, or the fetched "
                   "SmolLM2")
      ->type_name("PATH");
  command->add_flag("--tensors", options->tensors, "List every tensor");
  command->add_flag("--json", options->json, "Print JSON");
  command->footer("Example:\n  troupe inspect ~/models/Qwen3-0.6B --tensors");
  command->callback([options, &chosen] { chosen = [options] { return inspect(*options); }; });
}

}  // namespace troupe::cli
