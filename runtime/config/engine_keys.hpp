#pragma once

#include "runtime/config/engine_config.hpp"
#include "runtime/config/schema.hpp"

namespace troupe {

/// Describes what computes, in the table that is open: the members device, tensor_parallel, threads
/// and graph_rows of `config`, which must outlive the schema.
template <class Config>
void describe_devices(config_schema& schema, Config& config) {
  schema
      .text("device", config.device, 32,
            "What computes: \"cpu\", \"cuda\" or \"cuda:N\", or \"auto\": a GPU where one can be "
            "used.")
      .on_command_line("--device", "DEVICE");
  schema
      .integer(
          "tensor_parallel", config.tensor_parallel, 1, 16,
          "Devices that compute together, each with its part of the model: \"cuda:N\" and those "
          "after it, or parts of the threads.")
      .on_command_line("--tensor-parallel", "DEVICES");
  schema.integer("threads", config.threads, 0, 1024, "Compute threads; 0: one a core.")
      .on_command_line("--threads", "N");
  schema
      .integer("graph_rows", config.graph_rows, 0, 65'536,
               "On a GPU: most tokens of a step that is submitted as CUDA graphs; 0: none.")
      .on_command_line("--graph-rows", "N");
}

/// Describes the tables [engine] and [speculation]. `config` must outlive the schema.
void describe(config_schema& schema, engine_config& config);

}  // namespace troupe
