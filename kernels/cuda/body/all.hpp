#pragma once

#include "kernels/cuda/body/attention.hpp"
#include "kernels/cuda/body/attention_merge.hpp"
#include "kernels/cuda/body/f8_rows.hpp"
#include "kernels/cuda/body/linear.hpp"
#include "kernels/cuda/body/rope.hpp"
#include "kernels/cuda/body/route.hpp"
#include "kernels/cuda/body/rows.hpp"
#include "kernels/cuda/body/sample.hpp"
#include "kernels/cuda/launch.hpp"

// From a kernel's number to its body. Three lists, as each is a translation unit of the device's.
namespace troupe::kernels::cuda {

/// Calls f(body) for a kernel of this list; false where it is of another.
template <class F>
bool visit_row_kernels(kernel_id id, const F& f) {
  switch (id) {
    case kernel_id::embed:
      return f(embed_kernel{}), true;
    case kernel_id::to_bf16:
      return f(to_bf16_kernel{}), true;
    case kernel_id::gather_rows:
      return f(gather_rows_kernel{}), true;
    case kernel_id::encode_rows:
      return f(encode_rows_kernel{}), true;
    case kernel_id::decode_rows:
      return f(decode_rows_kernel{}), true;
    case kernel_id::rms_norm:
      return f(rms_norm_kernel{}), true;
    case kernel_id::combine:
      return f(combine_kernel{}), true;
    case kernel_id::rope_table:
      return f(rope_table_kernel{}), true;
    case kernel_id::rope_and_store:
      return f(rope_and_store_kernel{}), true;
    case kernel_id::route:
      return f(route_kernel{}), true;
    case kernel_id::group:
      return f(group_kernel{}), true;
    default:
      return false;
  }
}

template <class F>
bool visit_product_kernels(kernel_id id, const F& f) {
  switch (id) {
    case kernel_id::linear_f32:
      return f(linear_f32_kernel{}), true;
    case kernel_id::linear_16:
      return f(linear_kernel<1>{}), true;
    case kernel_id::linear_64:
      return f(linear_kernel<4>{}), true;
    case kernel_id::expert_up_16:
      return f(expert_up_kernel<1>{}), true;
    case kernel_id::expert_up_64:
      return f(expert_up_kernel<4>{}), true;
    case kernel_id::expert_down_16:
      return f(expert_down_kernel<1>{}), true;
    case kernel_id::expert_down_64:
      return f(expert_down_kernel<4>{}), true;
    default:
      return false;
  }
}

template <class F>
bool visit_other_kernels(kernel_id id, const F& f) {
  switch (id) {
    case kernel_id::attention:
      return f(attention_kernel<1>{}), true;
    case kernel_id::attention_wide:
      return f(attention_kernel<2>{}), true;
    case kernel_id::attention_merge:
      return f(attention_merge_kernel{}), true;
    case kernel_id::sample:
      return f(sample_kernel{}), true;
    case kernel_id::score:
      return f(score_kernel{}), true;
    default:
      return false;
  }
}

}  // namespace troupe::kernels::cuda
