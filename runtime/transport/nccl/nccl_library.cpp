#include "runtime/transport/nccl/nccl_library.hpp"

#include <dlfcn.h>

#include <cstdlib>

namespace troupe {

nccl_library::~nccl_library() {
  if (handle != nullptr) (void)::dlclose(handle);
}

result<std::shared_ptr<const nccl_library>> nccl_library::load() {
  // What somebody chose knowingly stays.
  (void)::setenv("NCCL_ALGO", "Ring", 0);
  (void)::setenv("NCCL_PROTO", "Simple", 0);
  auto found = std::make_shared<nccl_library>();
  found->handle = ::dlopen("libnccl.so.2", RTLD_NOW | RTLD_LOCAL);
  if (found->handle == nullptr) return fail(errc::unavailable, "no NCCL: {}", ::dlerror());
  const char* missing = nullptr;
  const auto bind = [&](auto& to, const char* name) {
    to = reinterpret_cast<std::remove_reference_t<decltype(to)>>(::dlsym(found->handle, name));
    if (to == nullptr) missing = name;
  };
  bind(found->get_unique_id, "ncclGetUniqueId");
  bind(found->init_rank, "ncclCommInitRankConfig");
  bind(found->async_error, "ncclCommGetAsyncError");
  bind(found->abort, "ncclCommAbort");
  bind(found->all_gather, "ncclAllGather");
  bind(found->all_reduce, "ncclAllReduce");
  bind(found->words, "ncclGetErrorString");
  if (missing != nullptr) return fail(errc::unsupported, "this NCCL has no {}", missing);
  return found;
}

}  // namespace troupe
