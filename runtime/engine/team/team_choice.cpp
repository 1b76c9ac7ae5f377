#include "runtime/engine/team/team_choice.hpp"

#include <algorithm>
#include <utility>

#include "runtime/engine/team/team_device.hpp"
#ifdef TROUPE_NCCL
#include "runtime/engine/team/nccl_link.hpp"
#endif

namespace troupe {
namespace {

using kind = device_choice::kind;

/// For a rank to come to a gathering that another is at.
constexpr auto gather_deadline = std::chrono::seconds(30);

#ifdef TROUPE_NCCL
result<team_link_maker> gpu_links(int first) { return nccl_links(first, gather_deadline); }
#else
result<team_link_maker> gpu_links(int) {
  return fail(errc::unsupported,
              "this troupe was built without NCCL: GPUs cannot compute together");
}
#endif

result<team_link_maker> links_for(const device_choice& choice) {
  if (choice.which == kind::cuda) return gpu_links(choice.index);
  return host_links(gather_deadline);
}

/// The part of the processors that is a rank's.
processor_use part_of(const processor_use& all, std::uint32_t rank, std::uint32_t ranks) {
  const std::uint32_t threads = all.threads == 0 ? usable_processors() : all.threads;
  processor_use own = all;
  own.threads = std::max(threads / ranks, 1U);
  own.first = all.first + rank * own.threads;
  // Ranks wait for each other: with fewer processors than that, whoever looks for work is in the
  // way.
  own.shared = all.shared || own.threads * ranks > usable_processors();
  return own;
}

}  // namespace

result<std::shared_ptr<device>> make_team(const device_choice& choice, std::uint32_t ranks,
                                          const processor_use& processors, const gpu_use& gpu,
                                          const std::function<void(const error&)>& lost) {
  if (ranks == 0 || ranks > most_ranks)
    return fail(errc::invalid_argument, "tensor_parallel = {}: 1 to {} devices compute together",
                ranks, most_ranks);
  if (ranks == 1) return make_device(choice, processors, gpu, lost);
  const device_choice first = settled(choice);
  auto links = links_for(first);
  if (!links) return fail(std::move(links.error()));
  team_ranks devices;
  for (std::uint32_t r = 0; r < ranks; ++r) {
    device_choice own = first;
    if (first.which == kind::cuda) own.index += static_cast<int>(r);
    auto made = make_device(own, part_of(processors, r, ranks), gpu, lost);
    if (!made)
      return fail(
          made.error().within(fmt::format("rank {} of {} that compute together", r, ranks)));
    devices.push_back(std::move(*made));
    const std::string target = devices.back()->kernels().target();
    if (target != devices.front()->kernels().target())
      return fail(errc::unsupported, "rank {} is {}, rank 0 {}: they would give other bits", r,
                  target, devices.front()->kernels().target());
  }
  auto team = std::make_shared<team_device>(std::move(devices), std::move(*links), lost);
  if (auto why = team->fault()) return fail(std::move(*why));
  return team;
}

}  // namespace troupe
