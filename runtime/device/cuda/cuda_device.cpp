#include "runtime/device/cuda/cuda_device.hpp"

#include <algorithm>
#include <future>
#include <new>
#include <utility>

#include "kernels/cuda/backend.hpp"
#include "runtime/device/cuda/cuda_stream.hpp"
#include "runtime/device/cuda/pinned.hpp"
#include "runtime/device/profiled_backend.hpp"

namespace troupe {
namespace {

/// How often the watch asks whether the device still lives.
constexpr auto watch_period = std::chrono::milliseconds(20);
constexpr auto drain_deadline = std::chrono::minutes(1);
/// Operations of a profile: two events each.
constexpr std::size_t most_profiled = 30'000;
/// Of pinned memory, lent and kept: what travels, not what stays.
constexpr std::size_t most_pinned_bytes = std::size_t{4} << 30;

void release_managed(std::byte* data, std::size_t) noexcept { (void)cudaFree(data); }

bool has(cudaDeviceAttr attribute, int device) {
  int value = 0;
  return cudaDeviceGetAttribute(&value, attribute, device) == cudaSuccess && value != 0;
}

std::string why_unusable(const cudaDeviceProp& about, int device) {
  if (about.major < 8) return "older than sm_80";
  if (!has(cudaDevAttrConcurrentManagedAccess, device)) return "no concurrent managed memory";
  if (!has(cudaDevAttrPageableMemoryAccess, device))
    return "no heterogeneous memory management: it needs the driver's open kernel modules";
  return {};
}

/// A graph, with the stream it was captured from: the stream has the graph's scratch memory.
class cuda_recording final : public recorded_work {
 public:
  cuda_recording(int device, cuda_stream& target) : source_(device), target_(target) {}
  [[nodiscard]] result<void> capture(const device::submit_function& submit, bool vendor_products) {
    if (vendor_products)
      if (auto ready = source_.use_vendor_products(); !ready) return ready;
    auto made = source_.capture([&] { return submit(source_); });
    if (!made) return fail(std::move(made.error()));
    graph_ = std::move(*made);
    return {};
  }
  kernels::status replay() override { return target_.replay(graph_); }

 private:
  cuda_stream source_;
  cuda_stream& target_;
  cuda_graph_exec_handle graph_;
};

/// Marks as CUDA's events.
class event_clock final : public stream_clock {
 public:
  explicit event_clock(cudaStream_t s) : stream_(s) {}
  bool mark() override {
    auto made = cuda_event::make();
    if (!made || !made->record(stream_)) return false;
    marks_.push_back(std::move(*made));
    return true;
  }
  [[nodiscard]] result<std::vector<double>> read() override {
    std::vector<double> at;
    at.reserve(marks_.size());
    for (const cuda_event& m : marks_) {
      auto seconds = m.seconds_since(marks_.front());
      if (!seconds) return fail(std::move(seconds.error()));
      at.push_back(*seconds);
    }
    return at;
  }

 private:
  cudaStream_t stream_;
  std::vector<cuda_event> marks_;
};

class cuda_device final : public device {
 public:
  explicit cuda_device(const cuda_device_options& options)
      : index_(options.index),
        graph_rows_(options.graph_rows),
        stream_(options.index),
        backend_(
            kernels::cuda::make_cuda_backend(stream_.architecture()), *this,
            [this] { return std::make_unique<event_clock>(stream_.get()); }, most_profiled),
        lost_(options.lost),
        watch_([this](const std::stop_token& stop) { watch(stop); }) {}
  /// What was submitted is finished first, for a bounded time: it may use memory of others.
  ~cuda_device() override {
    const auto deadline = std::chrono::steady_clock::now() + drain_deadline;
    std::unique_lock guard(lock_);
    while (!stream_.poll() && !stream_.failure() && std::chrono::steady_clock::now() < deadline)
      changed_.wait_for(guard, std::chrono::milliseconds(1));
  }

  [[nodiscard]] result<void> prepare(const cuda_device_options& options) {
    vendor_products_ = options.vendor_products;
    return options.vendor_products ? stream_.use_vendor_products() : result<void>();
  }

  [[nodiscard]] kernels::backend& kernels() override { return backend_; }
  [[nodiscard]] kernels::stream& stream() override { return stream_; }
  [[nodiscard]] std::uint32_t width() const override { return stream_.processors(); }
  [[nodiscard]] std::size_t free_memory() const override;
  [[nodiscard]] bool has_own_memory() const override { return true; }
  [[nodiscard]] device_buffer allocate(std::size_t bytes) override;
  [[nodiscard]] device_buffer allocate_shared(std::size_t bytes) override;
  [[nodiscard]] std::uint32_t recorded_rows() const override {
    return backend_.running() ? 0 : graph_rows_;
  }
  [[nodiscard]] result<std::unique_ptr<recorded_work>> record(
      const submit_function& submit) override;
  void notify(std::function<void()> reached) override { (void)stream_.call(std::move(reached)); }
  void begin_step(std::chrono::steady_clock::time_point* at) override {
    (void)stream_.call([at] { *at = std::chrono::steady_clock::now(); });
    backend_.begin_step();
  }
  [[nodiscard]] device_counters counters() const override { return {stream_.submitted(), 0, 0}; }
  void start_profile() override { backend_.start(); }
  [[nodiscard]] result<device_profile> stop_profile() override;
  [[nodiscard]] result<device_limits> measure_limits() override;

 private:
  void watch(const std::stop_token& stop);
  /// Waits until the stream has passed what was submitted.
  [[nodiscard]] result<void> drain();

  int index_;
  std::uint32_t graph_rows_;
  cuda_stream stream_;
  profiled_backend backend_;
  std::function<void(const error&)> lost_;
  bool vendor_products_ = false;
  block_pool pinned_ = make_pinned_pool(most_pinned_bytes);
  std::mutex lock_;
  std::condition_variable_any changed_;
  std::jthread watch_;  // last: it ends before anything it uses
};

std::size_t cuda_device::free_memory() const {
  std::size_t free = 0;
  std::size_t whole = 0;
  const bool known = cuda_check(cudaSetDevice(index_), "device") &&
                     cuda_check(cudaMemGetInfo(&free, &whole), "device");
  // 0 would mean that there is none of its own.
  return known ? std::max<std::size_t>(free, 1) : 1;
}

device_buffer cuda_device::allocate(std::size_t bytes) {
  if (bytes == 0) return {};
  void* got = nullptr;
  if (!cuda_check(cudaSetDevice(index_), "device") ||
      !cuda_check(cudaMallocManaged(&got, bytes, cudaMemAttachGlobal), "memory"))
    throw std::bad_alloc();
  device_buffer buffer(static_cast<std::byte*>(got), bytes, &release_managed);
  // It lives on the device; the host's reads go there instead of taking it away. Advice only.
  const cudaMemLocation here{cudaMemLocationTypeDevice, {index_}};
  (void)cuda_check(cudaMemAdvise(got, bytes, cudaMemAdviseSetPreferredLocation, here), "advice");
  // Not in the stream: whoever allocates may write to it at once.
  if (!cuda_check(cudaMemset(got, 0, bytes), "memory") ||
      !cuda_check(cudaStreamSynchronize(nullptr), "memory"))
    throw std::bad_alloc();
  return buffer;
}

device_buffer cuda_device::allocate_shared(std::size_t bytes) {
  if (bytes == 0) return {};
  if (!cuda_check(cudaSetDevice(index_), "device")) throw std::bad_alloc();
  auto lease = std::make_shared<block_pool::lease>(pinned_.lend(bytes));
  if (!*lease) throw std::bad_alloc();
  std::byte* const at = lease->data();
  return {at, bytes, std::move(lease)};
}

result<std::unique_ptr<recorded_work>> cuda_device::record(const submit_function& submit) {
  try {
    auto made = std::make_unique<cuda_recording>(index_, stream_);
    if (auto done = made->capture(submit, vendor_products_); !done)
      return fail(std::move(done.error()));
    return made;
  } catch (const std::runtime_error& e) {
    return fail(errc::unavailable, "{}", e.what());
  }
}

result<void> cuda_device::drain() {
  auto passed = std::make_shared<std::promise<void>>();
  auto reached = passed->get_future();
  notify([passed] { passed->set_value(); });
  if (reached.wait_for(drain_deadline) == std::future_status::ready) return {};
  if (auto why = stream_.failure()) return fail(std::move(*why));
  return fail(errc::deadline_exceeded, "the device did not finish its work in time");
}

result<device_profile> cuda_device::stop_profile() {
  const profiled_backend::record noted = backend_.halt();
  if (auto done = drain(); !done) return fail(std::move(done.error()));
  return profiled_backend::read(noted);
}

result<device_limits> cuda_device::measure_limits() {
  constexpr std::size_t bytes = std::size_t{1} << 28;
  constexpr int copies = 20;
  constexpr std::uint32_t width = 8192;
  constexpr int products = 5;
  try {
    const device_buffer from = allocate(bytes);
    const device_buffer to = allocate(bytes);
    const device_buffer out = allocate(std::size_t{width} * width * sizeof(float));
    // Tensor cores multiply what is BF16; a product that is far from memory's limit shows how fast.
    const kernels::matrix w{from.data(), nullptr, kernels::dtype::bf16, width, width};
    const kernels::linear_params product{
        {to.as<float>(), nullptr, width}, w, nullptr, nullptr, out.as<float>(), width, width};
    backend_.start();
    for (int i = 0; i < copies; ++i) (void)backend_.copy(stream_, {to.data(), from.data(), bytes});
    for (int i = 0; i < products; ++i) (void)backend_.linear(stream_, product);
    auto measured = stop_profile();
    if (!measured) return fail(std::move(measured.error()));
    device_limits limits;
    for (const operation_profile& o : measured->operations) {
      if (o.operation == "copy") limits.read_bytes_per_second = o.bytes / o.seconds;
      if (o.operation.starts_with("linear")) limits.float_per_second = o.operations / o.seconds;
    }
    return limits;
  } catch (const std::bad_alloc&) {
    return fail(errc::out_of_memory, "no memory to measure the device's limits in");
  }
}

void cuda_device::watch(const std::stop_token& stop) {
  std::unique_lock guard(lock_);
  while (!stop.stop_requested()) {
    changed_.wait_for(guard, stop, watch_period, [] { return false; });
    (void)stream_.poll();
    if (!stream_.lost()) continue;
    guard.unlock();
    if (const auto why = stream_.failure(); why && lost_) lost_(*why);
    return;
  }
}

}  // namespace

std::vector<cuda_device_info> cuda_devices() {
  int count = 0;
  // No driver and no device are no errors here.
  if (!cuda_check(cudaGetDeviceCount(&count), "device")) return {};
  std::vector<cuda_device_info> found;
  for (int i = 0; i < count; ++i) {
    cudaDeviceProp about{};
    if (!cuda_check(cudaGetDeviceProperties(&about, i), "device")) continue;
    found.push_back({i, about.name, fmt::format("sm_{}{}", about.major, about.minor),
                     about.totalGlobalMem, static_cast<std::uint32_t>(about.multiProcessorCount),
                     why_unusable(about, i)});
  }
  return found;
}

result<std::shared_ptr<device>> make_cuda_device(const cuda_device_options& options) {
  for (const cuda_device_info& each : cuda_devices()) {
    if (each.index != options.index) continue;
    if (!each.unusable.empty())
      return fail(errc::unsupported, "CUDA device {} ({}, {}): {}", each.index, each.name,
                  each.architecture, each.unusable);
    try {
      auto made = std::make_shared<cuda_device>(options);
      if (auto vendor = made->prepare(options); !vendor) return fail(std::move(vendor.error()));
      return made;
    } catch (const std::runtime_error& e) {
      return fail(errc::unavailable, "CUDA device {}: {}", options.index, e.what());
    }
  }
  return fail(errc::not_found, "there is no CUDA device {} on this machine", options.index);
}

}  // namespace troupe
