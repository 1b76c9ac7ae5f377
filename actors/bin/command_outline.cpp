#include "actors/bin/command_outline.hpp"

namespace troupe::cli {

command_outline outline_of(const CLI::App& app) {
  command_outline out;
  out.name = app.get_name();
  out.help = app.get_description();
  out.footer = app.get_footer();
  for (const CLI::Option* o : app.get_options()) {
    if (o->get_description().empty()) continue;
    const std::string value = o->get_items_expected_max() == 0 ? "" : o->get_type_name();
    if (o->get_positional()) {
      out.arguments.push_back({o->get_name(true), o->get_description(), o->get_required()});
    } else {
      const auto& longs = o->get_lnames();
      const auto& shorts = o->get_snames();
      out.options.push_back({longs.empty() ? "" : "--" + longs.front(),
                             shorts.empty() ? "" : "-" + shorts.front(), value,
                             o->get_description()});
    }
  }
  for (const CLI::App* command : app.get_subcommands({})) {
    if (!command->get_description().empty()) out.commands.push_back(outline_of(*command));
  }
  return out;
}

}  // namespace troupe::cli
