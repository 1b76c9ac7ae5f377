#include "runtime/device/cuda/errors.hpp"

#include <doctest/doctest.h>

#include "runtime/device/cuda/cuda_device.hpp"

namespace troupe {

TEST_CASE("CUDA's errors stand in the project's table, with CUDA's words") {
  const error e = cuda_error(cudaErrorMemoryAllocation, "cannot have a buffer");
  CHECK(e.code() == errc::out_of_memory);
  CHECK(e.message().find("cannot have a buffer: ") == 0);
  CHECK(e.message().find("CUDA error 2") != std::string::npos);
  CHECK(cuda_error(cudaErrorNoDevice, "").code() == errc::not_found);
  CHECK(cuda_error(cudaErrorInsufficientDriver, "").code() == errc::unavailable);
  CHECK(cuda_error(cudaErrorNoKernelImageForDevice, "").code() == errc::unsupported);
  CHECK(cuda_error(cudaErrorInvalidValue, "").code() == errc::internal);
  CHECK(cuda_error(cudaErrorIllegalAddress, "").code() == errc::unavailable);
}

TEST_CASE("only errors that lose the context are sticky") {
  for (const cudaError_t code : {cudaErrorIllegalAddress, cudaErrorLaunchTimeout,
                                 cudaErrorECCUncorrectable, cudaErrorAssert})
    CHECK(is_sticky(code));
  for (const cudaError_t code : {cudaSuccess, cudaErrorMemoryAllocation, cudaErrorNotReady,
                                 cudaErrorInvalidValue, cudaErrorNoDevice})
    CHECK_FALSE(is_sticky(code));
}

TEST_CASE("a device that is not there is not found, with or without a driver") {
  const auto none = make_cuda_device({.index = 1000});
  REQUIRE_FALSE(none.has_value());
  CHECK(none.error().code() == errc::not_found);
}

}  // namespace troupe
