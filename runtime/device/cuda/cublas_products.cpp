#include "runtime/device/cuda/cublas_products.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <utility>

namespace troupe {

using kernels::status;

struct cublas_products::library {
  library() = default;
  library(const library&) = delete;
  library& operator=(const library&) = delete;
  ~library() {
    if (handle != nullptr) (void)destroy(handle);
    if (file != nullptr) (void)::dlclose(file);
  }
  void* file = nullptr;
  cublasLtHandle_t handle = nullptr;
  decltype(&cublasLtCreate) create = nullptr;
  decltype(&cublasLtDestroy) destroy = nullptr;
  decltype(&cublasLtMatmulDescInit_internal) init_desc = nullptr;
  decltype(&cublasLtMatmulDescSetAttribute) set_desc = nullptr;
  decltype(&cublasLtMatrixLayoutInit_internal) init_layout = nullptr;
  decltype(&cublasLtMatmulPreferenceInit_internal) init_preference = nullptr;
  decltype(&cublasLtMatmulPreferenceSetAttribute) set_preference = nullptr;
  decltype(&cublasLtMatmulAlgoGetHeuristic) heuristic = nullptr;
  decltype(&cublasLtMatmulAlgoCheck) check = nullptr;
  decltype(&cublasLtMatmul) matmul = nullptr;
};

cublas_products::cublas_products(std::unique_ptr<library> found) : lib_(std::move(found)) {}
cublas_products::~cublas_products() = default;

result<std::unique_ptr<cublas_products>> cublas_products::load() {
  auto found = std::make_unique<library>();
  found->file = ::dlopen("libcublasLt.so.13", RTLD_NOW | RTLD_LOCAL);
  if (found->file == nullptr) return fail(errc::unavailable, "no cuBLASLt: {}", ::dlerror());
  const char* missing = nullptr;
  const auto bind = [&](auto& to, const char* name) {
    to = reinterpret_cast<std::remove_reference_t<decltype(to)>>(::dlsym(found->file, name));
    if (to == nullptr) missing = name;
  };
  bind(found->create, "cublasLtCreate");
  bind(found->destroy, "cublasLtDestroy");
  bind(found->init_desc, "cublasLtMatmulDescInit_internal");
  bind(found->set_desc, "cublasLtMatmulDescSetAttribute");
  bind(found->init_layout, "cublasLtMatrixLayoutInit_internal");
  bind(found->init_preference, "cublasLtMatmulPreferenceInit_internal");
  bind(found->set_preference, "cublasLtMatmulPreferenceSetAttribute");
  bind(found->heuristic, "cublasLtMatmulAlgoGetHeuristic");
  bind(found->check, "cublasLtMatmulAlgoCheck");
  bind(found->matmul, "cublasLtMatmul");
  if (missing != nullptr) return fail(errc::unsupported, "this cuBLASLt has no {}", missing);
  if (found->create(&found->handle) != CUBLAS_STATUS_SUCCESS)
    return fail(errc::unavailable, "cuBLASLt cannot be used on this device");
  return std::make_unique<cublas_products>(std::move(found));
}

/// cuBLASLt's view of a product, whose matrices are column-major: y^T = W x^T, where W's rows and
/// x's rows are the columns of its operands.
class cublas_products::operands {
 public:
  operands(const library& lib, const kernels::linear_params& p, std::uint32_t rows) {
    const auto transposed = CUBLAS_OP_T;
    const auto epilogue = CUBLASLT_EPILOGUE_BIAS;
    good_ = lib.init_desc(&desc, sizeof desc, CUBLAS_COMPUTE_32F, CUDA_R_32F) == 0 &&
            lib.set_desc(&desc, CUBLASLT_MATMUL_DESC_TRANSA, &transposed, sizeof transposed) == 0 &&
            lib.init_layout(&w, sizeof w, CUDA_R_16BF, p.w.cols, p.w.rows, p.w.cols) == 0 &&
            lib.init_layout(&x, sizeof x, CUDA_R_16BF, p.w.cols, rows, p.w.cols) == 0 &&
            lib.init_layout(&y, sizeof y, CUDA_R_32F, p.w.rows, rows, p.y_stride) == 0;
    if (p.bias == nullptr) return;
    good_ = good_ &&
            lib.set_desc(&desc, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue) == 0 &&
            lib.set_desc(&desc, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &p.bias, sizeof p.bias) == 0;
  }
  [[nodiscard]] bool good() const { return good_; }

  cublasLtMatmulDescOpaque_t desc{};
  cublasLtMatrixLayoutOpaque_t w{}, x{}, y{};

 private:
  bool good_ = false;
};

cublas_products::choice cublas_products::choose(const kernels::linear_params& p) const {
  // The number of rows at which the algorithm is chosen, and those at which it must work as well.
  constexpr std::uint32_t chosen_at = 64;
  constexpr std::array<std::uint32_t, 7> tried_at = {1, 2, 17, 128, 256, 1000, 8192};
  operands o(*lib_, p, chosen_at);
  cublasLtMatmulPreferenceOpaque_t preference{};
  const std::uint32_t no_reduction = CUBLASLT_REDUCTION_SCHEME_NONE;
  const std::size_t most_bytes = workspace_bytes;
  const std::uint32_t alignment = 16;
  const auto set = [&](cublasLtMatmulPreferenceAttributes_t name, const auto& value) {
    return lib_->set_preference(&preference, name, &value, sizeof value) == CUBLAS_STATUS_SUCCESS;
  };
  const bool ready = o.good() && lib_->init_preference(&preference, sizeof preference) == 0 &&
                     set(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, no_reduction) &&
                     set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, most_bytes) &&
                     set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignment) &&
                     set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignment) &&
                     set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignment) &&
                     set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignment);
  if (!ready) return {};
  std::array<cublasLtMatmulHeuristicResult_t, 8> found{};
  int count = 0;
  if (lib_->heuristic(lib_->handle, &o.desc, &o.w, &o.x, &o.y, &o.y, &preference,
                      static_cast<int>(found.size()), found.data(), &count) != 0)
    return {};
  for (int i = 0; i < count; ++i) {
    const bool everywhere = std::all_of(tried_at.begin(), tried_at.end(), [&](std::uint32_t rows) {
      operands other(*lib_, p, rows);
      cublasLtMatmulHeuristicResult_t said{};
      return other.good() &&
             lib_->check(lib_->handle, &other.desc, &other.w, &other.x, &other.y, &other.y,
                         &found[i].algo, &said) == CUBLAS_STATUS_SUCCESS &&
             said.workspaceSize <= workspace_bytes;
    });
    if (found[i].state == CUBLAS_STATUS_SUCCESS && everywhere) return {true, found[i].algo};
  }
  return {};
}

cublas_products::choice cublas_products::of(const kernels::linear_params& p) {
  const shape key{p.w.rows, p.w.cols, p.y_stride, p.bias != nullptr, p.residual != nullptr};
  const std::scoped_lock guard(lock_);
  const auto [place, added] = chosen_.try_emplace(key);
  if (added) place->second = choose(p);
  return place->second;
}

bool cublas_products::computes(const kernels::linear_params& p) {
  const auto aligned = [](const void* at) {
    return reinterpret_cast<std::uintptr_t>(at) % 16 == 0;
  };
  return p.w.type == kernels::dtype::bf16 && p.w.cols % 8 == 0 && p.w.rows % 4 == 0 &&
         p.y_stride % 4 == 0 && aligned(p.w.data) && aligned(p.y) && aligned(p.residual) &&
         aligned(p.bias) && of(p).usable;
}

status cublas_products::linear(const kernels::linear_params& p, const void* x, void* workspace,
                               cudaStream_t s) {
  const choice c = of(p);
  operands o(*lib_, p, p.rows);
  if (!c.usable || !o.good()) return status::unsupported;
  const float one = 1;
  const float beta = p.residual == nullptr ? 0.0F : 1.0F;
  const float* added = p.residual == nullptr ? p.y : p.residual;
  const cublasStatus_t done =
      lib_->matmul(lib_->handle, &o.desc, &one, p.w.data, &o.w, x, &o.x, &beta, added, &o.y, p.y,
                   &o.y, &c.algorithm, workspace, workspace_bytes, s);
  return done == CUBLAS_STATUS_SUCCESS ? status::ok : status::device_error;
}

}  // namespace troupe
