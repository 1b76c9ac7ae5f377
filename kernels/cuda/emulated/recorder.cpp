#include "kernels/cuda/emulated/recorder.hpp"

#include "kernels/cuda/body/all.hpp"

namespace troupe::kernels::cuda {

emulated_recorder::emulated_recorder(const stream& model)
    : processors_(model.processors()), architecture_(model.architecture()) {}

status emulated_recorder::launch(kernel_id kernel, const grid& g, const void* params) {
  const auto note = [&](auto body) {
    using kernel_params = typename decltype(body)::params;
    noted_.emplace_back([kernel, g, p = *static_cast<const kernel_params*>(params)](stream& to) {
      return to.launch(kernel, g, &p);
    });
  };
  const bool known = visit_row_kernels(kernel, note) || visit_product_kernels(kernel, note) ||
                     visit_other_kernels(kernel, note);
  return known ? status::ok : status::unsupported;
}

status emulated_recorder::copy(const copy_params& p) {
  noted_.emplace_back([p](stream& s) { return s.copy(p); });
  return status::ok;
}

std::byte* emulated_recorder::scratch(std::size_t bytes) {
  scratch_.push_back(std::make_unique<std::byte[]>(bytes));
  return scratch_.back().get();
}

status emulated_recorder::replay(stream& to) const {
  for (const auto& submit : noted_)
    if (const status s = submit(to); s != status::ok) return s;
  return status::ok;
}

}  // namespace troupe::kernels::cuda
