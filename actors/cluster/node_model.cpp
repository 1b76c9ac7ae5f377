// A node's way to the model's files.
#include "actors/cluster/node_model.hpp"

#include <algorithm>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "actors/cluster/ask_desk.hpp"
#include "runtime/model/model_bundle.hpp"
#include "runtime/model/partial_model.hpp"

namespace troupe {
namespace {

constexpr auto answer_deadline = std::chrono::seconds(10);

/// What of the model's files opening them needs, from the supervisor's process.
result<std::filesystem::path> get_model(const model_search& with,
                                        const std::filesystem::path& cache,
                                        const std::string& identity,
                                        const worker_runtime::progress& report) {
  const bool hex = std::ranges::all_of(
      identity, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  if (!hex || identity.empty()) return fail(errc::corrupt, "the cluster's model has no digest");
  auto known =
      ask_desk<weights_welcome>(with.system, caf::actor_cast<weights_desk_actor>(with.desk),
                                answer_deadline, "the supervisor", weights_atom::value, with.hello);
  if (!known) return fail(known.error());
  if (known->names.size() != known->sizes.size())
    return fail(errc::corrupt, "files without a size");
  std::vector<model_file> listed;
  for (std::size_t i = 0; i < known->names.size(); ++i)
    listed.push_back({std::move(known->names[i]), known->sizes[i]});
  auto map = block_map::make(std::move(listed));
  if (!map) return fail(map.error());
  std::vector<bool> opening(map->blocks());
  for (const std::uint32_t block : known->opening)
    if (block < opening.size()) opening[block] = true;
  auto blocks = block_store::open(cache, identity, *map);
  if (!blocks) return fail(blocks.error());
  if (auto up = with.port.connect(address_of(known->supervisor)); !up) return fail(up.error());
  const std::shared_ptr<block_store> kept = std::move(*blocks);
  const auto shown = [&](std::uint64_t got, std::uint64_t all) {
    if (report) report("weights from peers", static_cast<double>(got) / static_cast<double>(all));
  };
  const weights_fetcher::givers from{known->supervisor.peer, {}};
  auto got = with.weights.fetch(*kept, opening, from, {}, shown);
  if (!got && got.error().code() == errc::exhausted) with.store.run_out(got.error());
  if (!got) return fail(got.error());
  with.store.keep_blocks(kept);
  return kept->model(known->folder);
}

}  // namespace

result<std::shared_ptr<const model_files>> find_model(const model_search& with,
                                                      const worker_options& options,
                                                      const node_welcome& welcome,
                                                      const worker_runtime::progress& report) {
  if (report) report("reading model", 0);
  std::filesystem::path path =
      options.model.empty() ? std::filesystem::path(welcome.model_path) : options.model;
  std::error_code unknown;
  with.store.keep_blocks(nullptr);
  if (!options.weights_cache.empty() && !std::filesystem::exists(path, unknown)) {
    if (welcome.terms.control < weights_since) {
      return fail(errc::not_found,
                  "{}: no such file, and the supervisor's release gives no weights to nodes",
                  path.string());
    }
    auto got = get_model(with, options.weights_cache, welcome.model_identity, report);
    if (const auto room = with.store.room(); !room) return fail(room.error());
    if (!got) return fail(got.error().within("the model's files are not here, nor from peers"));
    path = std::move(*got);
  }
  // Of blocks from peers each has the supervisor's digest, so that they are its model's.
  auto files = with.store.blocks() == nullptr ? model_files::open(path)
                                              : open_partial(path, welcome.model_identity);
  if (!files) return fail(std::move(files.error()));
  if ((*files)->identity() != welcome.model_identity) {
    return fail(errc::invalid_argument,
                "{} is another model than the cluster serves (digest {:.12}, not {:.12})",
                path.string(), (*files)->identity(), welcome.model_identity);
  }
  if (with.store.blocks() == nullptr) with.store.keep_path(path);
  return std::shared_ptr<const model_files>(std::move(*files));
}

std::unique_ptr<weights_server> serve_weights(std::shared_ptr<data_port> port,
                                              const node_store& store) {
  const std::shared_ptr<const block_source> blocks = store.blocks();
  const auto bundle = std::make_shared<lazy_bundle>(store.path());
  return std::make_unique<weights_server>(std::move(port), [blocks, bundle] {
    std::shared_ptr<const block_source> source = blocks;
    if (source == nullptr)
      if (const auto opened = bundle->get()) source = *opened;
    return source;
  });
}

}  // namespace troupe
