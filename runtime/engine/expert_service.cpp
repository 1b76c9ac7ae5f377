#include "runtime/engine/expert_service.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <limits>
#include <utility>

#include "runtime/engine/buffer_pool.hpp"

namespace troupe {
namespace {

constexpr std::size_t alignment = 64;

constexpr std::size_t aligned(std::size_t bytes) {
  return (bytes + alignment - 1) / alignment * alignment;
}

/// Where the parts of a request lie in its piece of memory.
struct request_layout {
  std::size_t q8, f8, ids, slots, bytes;

  request_layout(std::size_t rows, std::size_t top_k, const activation_needs& takes,
                 std::uint32_t hidden)
      : q8(takes.f32 ? aligned(rows * hidden * sizeof(float)) : 0),
        f8(q8 + (takes.q8 ? rows * kernels::q8_row_bytes(hidden) : 0)),
        ids(f8 + (takes.f8 ? rows * kernels::f8_row_bytes(hidden) : 0)),
        slots(ids + aligned(rows * top_k * sizeof(std::int32_t))),
        bytes(slots + aligned(rows * top_k * sizeof(std::uint32_t))) {}
};

}  // namespace

namespace {

struct workspace_sizes {
  std::size_t rows = 0;
  std::uint32_t hidden = 0;
  activation_needs decoded = {};  ///< forms of rows that came as FP8
  std::size_t request = 0;        ///< bytes
  std::size_t outputs = 0;        ///< bytes
  bool stay = false;              ///< results lie in the device's own memory
};

}  // namespace

/// What submitted work uses. The stream keeps it alive; so it must not own the device.
struct expert_service::workspace {
  workspace(device& d, std::shared_ptr<expert_bank> owner, const workspace_sizes& bytes,
            std::size_t kept)
      : bank(std::move(owner)),
        rows(d, bytes.rows, bytes.hidden, bytes.decoded),
        outputs(d.allocate(bytes.outputs)),
        request(d.allocate(d.has_own_memory() ? bytes.request : 0)),
        picked(d.allocate(d.has_own_memory() && !bytes.stay ? bytes.outputs : 0)),
        requests(d, bytes.request, kept, buffer_pool::place::shared),
        results(d, bytes.outputs, kept,
                bytes.stay ? buffer_pool::place::device : buffer_pool::place::shared) {}

  std::shared_ptr<expert_bank> bank;
  // Requests on a stream take turns with these.
  activation_buffer rows;  ///< that came as FP8
  device_buffer outputs;   ///< every slot's, before the wanted ones are picked
  /// Of a device with memory of its own: the request, and its outputs.
  device_buffer request, picked;
  buffer_pool requests;
  buffer_pool results;
  std::atomic<std::size_t> in_flight = 0;
};

/// A request's memory, and its answer as it will be if the device does its part.
class expert_service::job {
 public:
  job(std::shared_ptr<device_buffer> request, std::shared_ptr<device_buffer> result,
      const expert_rows_header& asked)
      : request_(std::move(request)), result_(std::move(result)), reply_(refusal_of(asked)) {
    reply_.header.accepted = true;
  }

  [[nodiscard]] std::byte* request() const { return request_->data(); }
  [[nodiscard]] float* result() const { return result_->as<float>(); }
  /// Adds a wanted output, by its slot in the asking step.
  void want(std::uint32_t slot) { reply_.header.slots.push_back(slot); }
  [[nodiscard]] std::uint32_t wanted() const {
    return static_cast<std::uint32_t>(reply_.header.slots.size());
  }
  void refuse() {
    reply_.header.accepted = false;
    reply_.header.slots.clear();
  }
  [[nodiscard]] expert_reply finish(std::uint32_t hidden) {
    if (wanted() > 0)
      reply_.payload.push_back({{result_->data(), wanted() * hidden * sizeof(float)}, result_});
    return std::move(reply_);
  }

 private:
  std::shared_ptr<device_buffer> request_;
  std::shared_ptr<device_buffer> result_;
  expert_reply reply_;
};

expert_service::expert_service(std::shared_ptr<device> dev, std::shared_ptr<expert_bank> bank,
                               const model_files& files, const std::vector<expert_range>& owned,
                               activation_mode mode, expert_row_form rows, const limits& most)
    : device_(std::move(dev)),
      layers_(files.config().layers),
      hidden_(files.config().hidden),
      most_(most) {
  workspace_sizes bytes{.rows = most.rows, .hidden = hidden_, .stay = most.outputs_on_device};
  for (const expert_range& range : owned) {
    served_layer& l = layers_[range.layer];
    l = {range.first, range.count, files.config().layer_top_k(range.layer),
         expert_reads(files, range, mode), expert_takes(files, range, mode, rows)};
    const request_layout layout(most.rows, l.top_k, l.takes, hidden_);
    bytes.request = std::max(bytes.request, layout.bytes);
    bytes.outputs =
        std::max(bytes.outputs, std::size_t{most.rows} * l.top_k * hidden_ * sizeof(float));
    if (l.takes.f8) bytes.decoded.merge(l.reads);
  }
  work_ = std::make_shared<workspace>(*device_, std::move(bank), bytes, most.in_flight);
}

expert_service::~expert_service() { release_behind(*device_, std::move(work_)); }

std::size_t expert_service::in_flight() const { return work_->in_flight.load(); }

result<void> expert_service::check(const expert_rows_header& asked, std::size_t bytes) const {
  if (asked.layer >= layers_.size() || layers_[asked.layer].count == 0)
    return fail(errc::not_found, "no experts of layer {} here", asked.layer);
  const served_layer& l = layers_[asked.layer];
  const std::size_t rows = asked.rows.size();
  if (rows == 0 || rows > most_.rows)
    return fail(errc::corrupt, "layer {}: {} rows for experts, not 1 to {}", asked.layer, rows,
                most_.rows);
  if (asked.top_k != l.top_k || asked.ids.size() != rows * l.top_k)
    return fail(errc::corrupt, "layer {}: {} ids and {} a row for {} rows, the model has {}",
                asked.layer, asked.ids.size(), asked.top_k, rows, l.top_k);
  if (std::ranges::adjacent_find(asked.rows, std::ranges::greater_equal()) != asked.rows.end() ||
      asked.rows.back() >= std::numeric_limits<std::uint32_t>::max() / l.top_k)
    return fail(errc::corrupt, "layer {}: rows are not in ascending order", asked.layer);
  const auto strange = [&](std::int32_t id) {
    return id != no_expert && static_cast<std::uint32_t>(id) - l.first >= l.count;
  };
  if (const auto at = std::ranges::find_if(asked.ids, strange); at != asked.ids.end())
    return fail(errc::not_found, "layer {}: expert {} is not here, but {} from {}", asked.layer,
                *at, l.count, l.first);
  if (asked.f32 != l.takes.f32 || asked.q8 != l.takes.q8 || asked.f8 != l.takes.f8)
    return fail(errc::corrupt, "layer {}: rows are not in the form that its experts take",
                asked.layer);
  if (bytes != rows * expert_row_bytes(l.takes, hidden_))
    return fail(errc::corrupt, "layer {}: {} bytes for {} rows, not {}", asked.layer, bytes, rows,
                rows * expert_row_bytes(l.takes, hidden_));
  return {};
}

result<void> expert_service::apply(const expert_rows_header& asked,
                                   std::span<const std::byte> payload, answer_handler done) {
  if (auto good = check(asked, payload.size()); !good) return good;
  if (work_->in_flight.load() >= most_.in_flight)
    return fail(errc::exhausted, "{} requests for experts on the stream already", most_.in_flight);
  auto request = work_->requests.take();
  if (!request) return fail(std::move(request.error()));
  auto room = work_->results.take();
  if (!room) return fail(std::move(room.error()));

  const served_layer& l = layers_[asked.layer];
  const std::size_t rows = asked.rows.size();
  const request_layout layout(rows, l.top_k, l.takes, hidden_);
  auto j = std::make_shared<job>(std::move(*request), std::move(*room), asked);
  const std::size_t f32_bytes = l.takes.f32 ? rows * hidden_ * sizeof(float) : 0;
  std::copy_n(payload.begin(), f32_bytes, j->request());
  std::copy(payload.begin() + static_cast<std::ptrdiff_t>(f32_bytes), payload.end(),
            j->request() + layout.q8);
  std::memcpy(j->request() + layout.ids, asked.ids.data(), asked.ids.size() * sizeof(std::int32_t));
  auto* const picked = reinterpret_cast<std::uint32_t*>(j->request() + layout.slots);
  for (std::uint32_t i = 0; i < asked.ids.size(); ++i) {
    if (asked.ids[i] == no_expert) continue;
    picked[j->wanted()] = i;
    j->want(asked.rows[i / l.top_k] * l.top_k + i % l.top_k);
  }
  // Part of the work may be on the stream even where the rest was refused: its memory stays too.
  if (submit(asked, l, *j) != kernels::status::ok) j->refuse();
  work_->in_flight.fetch_add(1);
  device_->notify([&dev = *device_, work = work_, j, hidden = hidden_, done = std::move(done)] {
    work->in_flight.fetch_sub(1);
    if (dev.fault()) j->refuse();
    done(j->finish(hidden));
  });
  return {};
}

kernels::status expert_service::submit(const expert_rows_header& asked, const served_layer& layer,
                                       job& j) {
  kernels::backend& k = device_->kernels();
  const auto rows = static_cast<std::uint32_t>(asked.rows.size());
  const request_layout layout(rows, layer.top_k, layer.takes, hidden_);
  std::byte* in = j.request();
  if (device_->has_own_memory()) {
    in = work_->request.data();
    const kernels::status there = k.copy(device_->stream(), {in, j.request(), layout.bytes});
    if (there != kernels::status::ok) return there;
  }
  kernels::activation x{layer.takes.f32 ? reinterpret_cast<float*>(in) : nullptr,
                        layer.takes.q8 ? in + layout.q8 : nullptr, hidden_};
  if (layer.takes.f8) {
    x = work_->rows.view(layer.reads);
    const kernels::status decoded =
        k.decode_rows(device_->stream(), {in + layout.f8, x, rows, hidden_});
    if (decoded != kernels::status::ok) return decoded;
  }
  const auto* ids = reinterpret_cast<const std::int32_t*>(in + layout.ids);
  const bool every_slot = j.wanted() == rows * layer.top_k;
  // Kernels write where results are sent from, but not to memory that is shared with the machine.
  const bool in_place = every_slot && (!device_->has_own_memory() || most_.outputs_on_device);
  float* const outputs = in_place ? j.result() : work_->outputs.as<float>();
  const kernels::status done =
      work_->bank->apply(asked.layer, {x, ids, outputs, rows, layer.top_k});
  if (done != kernels::status::ok || j.wanted() == 0) return done;
  if (in_place) return device_->complete_rows(j.result(), j.wanted(), hidden_);
  return pick(every_slot ? nullptr : reinterpret_cast<const std::uint32_t*>(in + layout.slots), j);
}

kernels::status expert_service::pick(const std::uint32_t* slots, job& j) {
  kernels::backend& k = device_->kernels();
  const bool copied = device_->has_own_memory() && !most_.outputs_on_device;
  float* from = work_->outputs.as<float>();
  if (slots != nullptr) {
    float* const to = copied ? work_->picked.as<float>() : j.result();
    const kernels::status done =
        k.gather_rows(device_->stream(), {from, slots, to, j.wanted(), hidden_});
    if (done != kernels::status::ok) return done;
    from = to;
  }
  const kernels::status whole = device_->complete_rows(from, j.wanted(), hidden_);
  if (whole != kernels::status::ok || !copied) return whole;
  return k.copy(device_->stream(),
                {j.result(), from, std::size_t{j.wanted()} * hidden_ * sizeof(float)});
}

}  // namespace troupe
