#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "runtime/device/cuda/errors.hpp"

namespace troupe {

/// One of CUDA's handles, owned: destroyed with the object. Movable.
template <class Handle, cudaError_t (*Destroy)(Handle)>
class cuda_handle {
 public:
  cuda_handle() = default;
  explicit cuda_handle(Handle handle) : handle_(handle) {}
  cuda_handle(cuda_handle&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  cuda_handle& operator=(cuda_handle&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  cuda_handle(const cuda_handle&) = delete;
  cuda_handle& operator=(const cuda_handle&) = delete;
  /// On a lost context CUDA refuses, and there is nothing left to destroy.
  ~cuda_handle() {
    if (handle_ != nullptr) (void)Destroy(handle_);
  }
  [[nodiscard]] Handle get() const { return handle_; }
  [[nodiscard]] explicit operator bool() const { return handle_ != nullptr; }

 private:
  Handle handle_ = nullptr;
};

using cuda_stream_handle = cuda_handle<cudaStream_t, &cudaStreamDestroy>;
using cuda_event_handle = cuda_handle<cudaEvent_t, &cudaEventDestroy>;
using cuda_graph_handle = cuda_handle<cudaGraph_t, &cudaGraphDestroy>;
using cuda_graph_exec_handle = cuda_handle<cudaGraphExec_t, &cudaGraphExecDestroy>;

/// A device's memory, owned: freed with the object.
class cuda_memory {
 public:
  /// None where there is not as much.
  [[nodiscard]] static result<cuda_memory> get(std::size_t bytes) {
    void* got = nullptr;
    if (auto done = cuda_check(cudaMalloc(&got, bytes), "device memory"); !done)
      return fail(std::move(done.error()));
    return cuda_memory(got);
  }
  cuda_memory(cuda_memory&& other) noexcept : at_(std::exchange(other.at_, nullptr)) {}
  cuda_memory& operator=(cuda_memory&& other) noexcept {
    std::swap(at_, other.at_);
    return *this;
  }
  cuda_memory(const cuda_memory&) = delete;
  cuda_memory& operator=(const cuda_memory&) = delete;
  ~cuda_memory() {
    if (at_ != nullptr) (void)cudaFree(at_);
  }
  [[nodiscard]] std::byte* data() const { return static_cast<std::byte*>(at_); }

 private:
  explicit cuda_memory(void* at) : at_(at) {}
  void* at_ = nullptr;
};

/// A point in a stream that can be asked for, waited for by other streams, and timed against
/// another.
class cuda_event {
 public:
  [[nodiscard]] static result<cuda_event> make() {
    cudaEvent_t made = nullptr;
    if (auto done = cuda_check(cudaEventCreate(&made), "cannot make a CUDA event"); !done)
      return fail(std::move(done.error()));
    return cuda_event(made);
  }
  /// Marks where `s` stands now.
  [[nodiscard]] result<void> record(cudaStream_t s) {
    return cuda_check(cudaEventRecord(handle_.get(), s), "cannot record a CUDA event");
  }
  /// Whether the stream has passed the mark; an error is one of the work before it.
  [[nodiscard]] result<bool> passed() const {
    const cudaError_t code = cudaEventQuery(handle_.get());
    if (code == cudaErrorNotReady) return false;
    if (auto done = cuda_check(code, "a CUDA event"); !done) return fail(std::move(done.error()));
    return true;
  }
  /// Seconds from `earlier` to this one; both passed.
  [[nodiscard]] result<double> seconds_since(const cuda_event& earlier) const {
    float milliseconds = 0;
    auto done =
        cuda_check(cudaEventElapsedTime(&milliseconds, earlier.handle_.get(), handle_.get()),
                   "cannot time CUDA events");
    if (!done) return fail(std::move(done.error()));
    return double{milliseconds} / 1000;
  }
  [[nodiscard]] cudaEvent_t get() const { return handle_.get(); }

 private:
  explicit cuda_event(cudaEvent_t made) : handle_(made) {}
  cuda_event_handle handle_;
};

}  // namespace troupe
