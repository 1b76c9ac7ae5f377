#include "runtime/device/cuda/cuda_stream.hpp"

#include <list>
#include <memory>
#include <utility>

#include "kernels/cuda/body/rows.hpp"
#include "kernels/cuda/device/launch.hpp"

namespace troupe {

using kernels::status;

/// Calls that the stream has yet to make. An entry keeps the list alive, as CUDA may call after the
/// stream has gone; on a lost context it never calls, and the stream's end clears the list.
struct cuda_stream::pending {
  struct entry {
    std::shared_ptr<pending> owner;
    std::list<std::unique_ptr<entry>>::iterator place;
    std::function<void()> reached;
  };
  std::mutex lock;
  std::list<std::unique_ptr<entry>> entries;

  static void run(void* given) {
    auto* const e = static_cast<entry*>(given);
    const std::shared_ptr<pending> owner = e->owner;
    std::unique_ptr<entry> mine;
    {
      const std::scoped_lock guard(owner->lock);
      mine = std::move(*e->place);
      owner->entries.erase(e->place);
    }
    mine->reached();
  }
};

cuda_stream::cuda_stream(int device) : device_(device), pending_(std::make_shared<pending>()) {
  const auto demand = [](cudaError_t code, const char* what) {
    if (auto done = cuda_check(code, what); !done) throw std::runtime_error(done.error().message());
  };
  demand(cudaSetDevice(device), "cannot use the CUDA device");
  cudaDeviceProp about{};
  demand(cudaGetDeviceProperties(&about, device), "cannot read the CUDA device's properties");
  processors_ = static_cast<std::uint32_t>(about.multiProcessorCount);
  architecture_ = fmt::format("sm_{}{}", about.major, about.minor);
  cudaStream_t made = nullptr;
  demand(cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking), "cannot make a CUDA stream");
  handle_ = cuda_stream_handle(made);
}

cuda_stream::~cuda_stream() {
  if (scratch_ != nullptr) (void)cudaFreeAsync(scratch_, handle_.get());
  if (!lost_.load()) return;
  std::list<std::unique_ptr<pending::entry>> never;
  const std::scoped_lock guard(pending_->lock);
  never.swap(pending_->entries);
}

status cuda_stream::noted(cudaError_t code, const char* what) {
  if (code == cudaSuccess) return status::ok;
  if (is_sticky(code))
    lost_.store(true);
  else
    (void)cudaGetLastError();
  const std::scoped_lock guard(lock_);
  if (!failure_) failure_ = cuda_error(code, what);
  failed_.store(true);
  return status::device_error;
}

status cuda_stream::launch(kernels::cuda::kernel_id kernel, const kernels::cuda::grid& g,
                           const void* params) {
  using namespace kernels::cuda;
  if (failed_.load(std::memory_order_relaxed)) return status::device_error;
  if (const status s = noted(cudaSetDevice(device_), "cannot use the device"); s != status::ok)
    return s;
  cudaError_t outcome = cudaErrorInvalidDeviceFunction;
  (void)(launch_row_kernel(kernel, g, params, handle_.get(), outcome) ||
         launch_product_kernel(kernel, g, params, handle_.get(), outcome) ||
         launch_other_kernel(kernel, g, params, handle_.get(), outcome));
  submitted_.fetch_add(1, std::memory_order_relaxed);
  return noted(outcome, "a kernel could not be launched");
}

status cuda_stream::copy(const kernels::copy_params& p) {
  if (failed_.load(std::memory_order_relaxed)) return status::device_error;
  const cudaError_t code =
      p.rows == 1 ? cudaMemcpyAsync(p.to, p.from, p.bytes, cudaMemcpyDefault, handle_.get())
                  : cudaMemcpy2DAsync(p.to, p.to_stride, p.from, p.from_stride, p.bytes, p.rows,
                                      cudaMemcpyDefault, handle_.get());
  return noted(code, "a copy could not be submitted");
}

result<void> cuda_stream::use_vendor_products() {
  auto found = cublas_products::load();
  if (!found) return fail(std::move(found.error()));
  vendor_ = std::move(*found);
  return {};
}

status cuda_stream::vendor_product(const kernels::linear_params& p) {
  using kernel = kernels::cuda::to_bf16_kernel;
  if (vendor_ == nullptr || !vendor_->computes(p)) return status::unsupported;
  const std::size_t count = std::size_t{p.rows} * p.w.cols;
  std::byte* const room = scratch(cublas_products::workspace_bytes + count * sizeof(std::uint16_t));
  if (room == nullptr) return status::device_error;
  auto* const x = reinterpret_cast<std::uint16_t*>(room + cublas_products::workspace_bytes);
  const kernels::cuda::to_bf16_params rows{p.x.f32, x, count};
  const auto blocks = static_cast<std::uint32_t>((count + kernel::a_block - 1) / kernel::a_block);
  const status ready =
      launch(kernels::cuda::kernel_id::to_bf16, {blocks, 1, 1, kernel::threads}, &rows);
  return ready == status::ok ? vendor_->linear(p, x, room, handle_.get()) : ready;
}

std::byte* cuda_stream::scratch(std::size_t bytes) {
  if (failed_.load()) return nullptr;
  if (capturing_) {
    auto piece = cuda_memory::get(bytes);
    if (!piece) return nullptr;
    kept_.push_back(std::move(*piece));
    return kept_.back().data();
  }
  if (bytes <= scratch_bytes_) return scratch_;
  if (scratch_ != nullptr &&
      noted(cudaFreeAsync(scratch_, handle_.get()), "scratch memory") != status::ok)
    return nullptr;
  scratch_ = nullptr;
  scratch_bytes_ = 0;
  void* got = nullptr;
  if (noted(cudaMallocAsync(&got, bytes, handle_.get()), "scratch memory") != status::ok)
    return nullptr;
  scratch_ = static_cast<std::byte*>(got);
  scratch_bytes_ = bytes;
  return scratch_;
}

status cuda_stream::call(std::function<void()> reached) {
  if (failed_.load(std::memory_order_relaxed)) return status::device_error;
  pending::entry* added = nullptr;
  {
    const std::scoped_lock guard(pending_->lock);
    auto place =
        pending_->entries.insert(pending_->entries.end(), std::make_unique<pending::entry>());
    added = place->get();
    *added = {pending_, place, std::move(reached)};
  }
  const status s =
      noted(cudaLaunchHostFunc(handle_.get(), &pending::run, added), "a call back to the host");
  if (s != status::ok) {
    const std::scoped_lock guard(pending_->lock);
    pending_->entries.erase(added->place);
  }
  return s;
}

result<cuda_graph_exec_handle> cuda_stream::capture(const std::function<status()>& submit) {
  constexpr const char* what = "cannot capture a CUDA graph";
  if (auto begun =
          cuda_check(cudaStreamBeginCapture(handle_.get(), cudaStreamCaptureModeRelaxed), what);
      !begun)
    return fail(std::move(begun.error()));
  capturing_ = true;
  const status submitted = submit();
  capturing_ = false;
  cudaGraph_t graph = nullptr;
  const cudaError_t ended = cudaStreamEndCapture(handle_.get(), &graph);
  const cuda_graph_handle owned(graph);
  if (auto done = cuda_check(ended, what); !done) return fail(std::move(done.error()));
  if (submitted != status::ok) return fail(errc::unsupported, "{}: an operation was refused", what);
  cudaGraphExec_t ready = nullptr;
  if (auto done = cuda_check(cudaGraphInstantiate(&ready, graph, 0), what); !done)
    return fail(std::move(done.error()));
  return cuda_graph_exec_handle(ready);
}

status cuda_stream::replay(const cuda_graph_exec_handle& graph) {
  if (failed_.load(std::memory_order_relaxed)) return status::device_error;
  submitted_.fetch_add(1, std::memory_order_relaxed);
  return noted(cudaGraphLaunch(graph.get(), handle_.get()), "a graph could not be launched");
}

bool cuda_stream::poll() {
  const cudaError_t code = cudaStreamQuery(handle_.get());
  if (code == cudaErrorNotReady) return false;
  return noted(code, "the device stopped") == status::ok;
}

std::optional<error> cuda_stream::failure() const {
  const std::scoped_lock guard(lock_);
  return failure_;
}

}  // namespace troupe
