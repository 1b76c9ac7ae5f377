#include "runtime/transport/ucx/ways.hpp"

#include <uct/api/uct.h>

#include <memory>
#include <span>

#include "runtime/base/freed_by.hpp"
#include "runtime/transport/ucx/process_wide.hpp"

namespace troupe {
namespace {

/// What one of a component's memory domains has; one that cannot be opened has nothing.
template <class Take>
void each_resource_of(uct_component_h component, const uct_md_resource_desc_t& domain,
                      const Take& take) {
  uct_md_config_t* read = nullptr;
  if (uct_md_config_read(component, nullptr, nullptr, &read) != UCS_OK) return;
  const std::unique_ptr<void, freed_by<&uct_config_release>> config(read);
  uct_md_h opened = nullptr;
  if (uct_md_open(component, static_cast<const char*>(domain.md_name), read, &opened) != UCS_OK)
    return;
  const std::unique_ptr<uct_md, freed_by<&uct_md_close>> md(opened);
  uct_tl_resource_desc_t* listed = nullptr;
  unsigned count = 0;
  if (uct_md_query_tl_resources(opened, &listed, &count) != UCS_OK) return;
  const std::unique_ptr<uct_tl_resource_desc_t, freed_by<&uct_release_tl_resource_list>> list(
      listed);
  for (const uct_tl_resource_desc_t& r : std::span(listed, count)) take(r);
}

}  // namespace

result<ucx_findings> look_at_ucx() {
  ucx::leave_process_alone();
  uct_component_h* listed = nullptr;
  unsigned count = 0;
  if (const auto status = uct_query_components(&listed, &count); status != UCS_OK)
    return fail(errc::unavailable, "UCX: {}", ucs_status_string(status));
  const std::unique_ptr<uct_component_h, freed_by<&uct_release_component_list>> components(listed);
  ucx_findings out;
  const auto take = [&out](const uct_tl_resource_desc_t& r) {
    // What reaches no other process, or nothing but a device's memory, is no way.
    if (r.dev_type == UCT_DEVICE_TYPE_ACC) out.gpu_memory = true;
    if (r.dev_type == UCT_DEVICE_TYPE_SELF || r.dev_type == UCT_DEVICE_TYPE_ACC) return;
    out.ways.push_back({static_cast<const char*>(r.tl_name), static_cast<const char*>(r.dev_name)});
  };
  for (uct_component_h component : std::span(listed, count)) {
    uct_component_attr_t about{};
    about.field_mask = UCT_COMPONENT_ATTR_FIELD_MD_RESOURCE_COUNT;
    if (uct_component_query(component, &about) != UCS_OK) continue;
    std::vector<uct_md_resource_desc_t> domains(about.md_resource_count);
    about.field_mask = UCT_COMPONENT_ATTR_FIELD_MD_RESOURCES;
    about.md_resources = domains.data();
    if (domains.empty() || uct_component_query(component, &about) != UCS_OK) continue;
    for (const uct_md_resource_desc_t& domain : domains) each_resource_of(component, domain, take);
  }
  return out;
}

}  // namespace troupe
