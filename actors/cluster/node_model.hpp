#pragma once

#include <caf/all.hpp>
#include <memory>

#include "actors/cluster/control.hpp"
#include "actors/cluster/data_port.hpp"
#include "actors/cluster/node_store.hpp"
#include "actors/cluster/weights_fetcher.hpp"
#include "actors/cluster/weights_server.hpp"
#include "actors/cluster/worker_runtime.hpp"

namespace troupe {

/// What a node that joins has to find a model's files with. Borrowed for a call.
struct model_search {
  caf::actor_system& system;
  const join_desk_actor& desk;
  data_port& port;
  weights_fetcher& weights;
  node_store& store;
  const node_hello& hello;
};

/// The model that the cluster serves, from this machine's disk, or as much of it as opening it
/// reads from the supervisor's process; the store gets to know which. not_found: it is not here,
/// and none comes from peers; invalid_argument: it is another model; otherwise fails as
/// model_files::open(), block_store::open() and weights_fetcher::fetch() do.
[[nodiscard]] result<std::shared_ptr<const model_files>> find_model(
    const model_search& with, const worker_options& options, const node_welcome& welcome,
    const worker_runtime::progress& report);

/// Gives others whatever the store's node has of the model's files.
[[nodiscard]] std::unique_ptr<weights_server> serve_weights(std::shared_ptr<data_port> port,
                                                            const node_store& store);

}  // namespace troupe
