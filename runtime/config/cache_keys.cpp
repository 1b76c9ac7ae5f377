#include "runtime/config/cache_keys.hpp"

namespace troupe {

void describe_tiers(config_schema& schema, tier_config& tiers) {
  constexpr std::int64_t mib = 1 << 20;
  constexpr std::int64_t most_mib = std::int64_t{1} << 32U;
  schema
      .integer("host_mib", tiers.host_bytes, 0, most_mib,
               "Memory of the host for pages that the device has no room for, in MiB; 0: none.",
               mib)
      .on_command_line("--cache-host-mib", "MIB");
  schema
      .text("folder", tiers.folder, 4096,
            "Folder for pages on a disk, which outlive a restart; empty: none.")
      .on_command_line("--cache-folder", "PATH");
  schema
      .integer("disk_mib", tiers.disk_bytes, 1, most_mib,
               "Most of the folder that is used, in MiB.", mib)
      .on_command_line("--cache-disk-mib", "MIB");
}

void describe(config_schema& schema, cache_config& config) {
  schema.begin_table("cache", "What is kept of prompts, and where. None of it changes an answer.");
  schema.integer("implicit_tokens", config.implicit_tokens, 0, 1'000'000,
                 "Fewer prompt tokens found unasked are not told, nor priced, as cached.");
  schema.integer("explicit_tokens", config.explicit_tokens, 1, 16'777'216,
                 "Shorter prefixes that a request marks with cache_control are not kept.");
  schema.integer("explicit_seconds", config.explicit_seconds, 1, 86'400,
                 "How long a marked prefix is kept after its last use.");
  schema.integer("explicit_percent", config.explicit_percent, 0, 90,
                 "Share of the memory for keys and values that marked prefixes may have.");
  describe_tiers(schema, config.tiers);
}

}  // namespace troupe
