#pragma once

#include <cublasLt.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <tuple>

#include "kernels/api/linear.hpp"
#include "kernels/api/status.hpp"
#include "runtime/base/result.hpp"

namespace troupe {

/// Dense products of BF16 by cuBLASLt, which is loaded at run time. One algorithm is chosen for
/// each shape of weights, at a number of rows that does not change, without split K, and serves
/// every number of rows; where it cannot, the shape is refused whatever the rows.
///
/// Whether a row's bits then never depend on the others is for a device to show
/// (tests/runtime/device/cuda/cublas_test.cpp); until then nobody uses it unasked. Any thread.
class cublas_products {
 public:
  /// What of the library is called.
  struct library;

  [[nodiscard]] static result<std::unique_ptr<cublas_products>> load();
  explicit cublas_products(std::unique_ptr<library> found);
  ~cublas_products();

  /// Whether linear() computes `p`: the same answer for any number of rows.
  [[nodiscard]] bool computes(const kernels::linear_params& p);
  /// y = x W^T + bias + residual in the order of `s`; `x` are p's rows in BF16. `workspace` has
  /// workspace_bytes.
  [[nodiscard]] kernels::status linear(const kernels::linear_params& p, const void* x,
                                       void* workspace, cudaStream_t s);
  static constexpr std::size_t workspace_bytes = 32U << 20U;

 private:
  /// Weight rows and columns, the distance of y's rows, bias, residual.
  using shape = std::tuple<std::uint32_t, std::uint32_t, std::uint32_t, bool, bool>;
  struct choice {
    bool usable = false;
    cublasLtMatmulAlgo_t algorithm{};
  };
  class operands;
  [[nodiscard]] choice choose(const kernels::linear_params& p) const;
  [[nodiscard]] choice of(const kernels::linear_params& p);

  std::unique_ptr<library> lib_;
  std::mutex lock_;
  std::map<shape, choice> chosen_;
};

}  // namespace troupe
