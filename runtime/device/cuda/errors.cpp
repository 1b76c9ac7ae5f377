#include "runtime/device/cuda/errors.hpp"

namespace troupe {
namespace {

errc code_of(cudaError_t code) {
  switch (code) {
    case cudaErrorMemoryAllocation:
      return errc::out_of_memory;
    case cudaErrorNoDevice:
    case cudaErrorInvalidDevice:
      return errc::not_found;
    case cudaErrorNotReady:
    case cudaErrorInsufficientDriver:
    case cudaErrorInitializationError:
    case cudaErrorDevicesUnavailable:
    case cudaErrorCudartUnloading:
    case cudaErrorSystemNotReady:
      return errc::unavailable;
    case cudaErrorNotSupported:
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorUnsupportedPtxVersion:
      return errc::unsupported;
    case cudaErrorLaunchOutOfResources:
      return errc::exhausted;
    default:
      return is_sticky(code) ? errc::unavailable : errc::internal;
  }
}

}  // namespace

bool is_sticky(cudaError_t code) {
  switch (code) {
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchTimeout:
    case cudaErrorLaunchFailure:
    case cudaErrorECCUncorrectable:
    case cudaErrorHardwareStackError:
    case cudaErrorIllegalInstruction:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorAssert:
    case cudaErrorNvlinkUncorrectable:
    case cudaErrorContextIsDestroyed:
    case cudaErrorExternalDevice:
    case cudaErrorUnknown:
      return true;
    default:
      return false;
  }
}

error cuda_error(cudaError_t code, std::string_view what) {
  return error(code_of(code), fmt::format("{}: {} (CUDA error {})", what, cudaGetErrorString(code),
                                          static_cast<int>(code)));
}

result<void> cuda_check(cudaError_t code, std::string_view what) {
  if (code == cudaSuccess) return {};
  if (!is_sticky(code)) (void)cudaGetLastError();
  return fail(cuda_error(code, what));
}

}  // namespace troupe
