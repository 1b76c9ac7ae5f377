#include "runtime/engine/expert_dispatch.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace troupe {
namespace {

/// No model has as many; a placement that says so is broken.
constexpr std::uint32_t most_experts = 65536;
/// Copies the listed rows together.
void gather(const std::byte* from, std::span<const std::uint32_t> rows, std::size_t row_bytes,
            std::byte* to) {
  for (const std::uint32_t row : rows) {
    std::memcpy(to, from + row * row_bytes, row_bytes);
    to += row_bytes;
  }
}

}  // namespace

expert_dispatch::row_block::row_block(const activation_needs& held, std::size_t first_byte,
                                      std::size_t rows, std::uint32_t hidden)
    : forms(held),
      f32(first_byte),
      q8(f32 + (held.f32 ? rows * hidden * sizeof(float) : 0)),
      f8(q8 + (held.q8 ? rows * kernels::q8_row_bytes(hidden) : 0)),
      bytes(f8 + (held.f8 ? rows * kernels::f8_row_bytes(hidden) : 0)) {}

expert_dispatch::expert_dispatch(device& d, std::uint32_t hidden, const activation_needs& forms,
                                 const limits& most)
    : device_(&d),
      hidden_(hidden),
      most_(most),
      pool_(d, most.rows * expert_row_bytes(forms, hidden), most.kept_messages,
            most.rows_on_device ? buffer_pool::place::device : buffer_pool::place::shared),
      ids_pool_(d, std::size_t{most.rows} * most.top_k * sizeof(std::int32_t), most.kept_messages,
                buffer_pool::place::shared) {
  if (d.has_own_memory())
    landing_ = std::make_shared<device_buffer>(
        d.allocate_shared(std::size_t{most.rows} * most.top_k * hidden * sizeof(float)));
}

result<void> expert_dispatch::stage(const layer_step& at, const expert_call& call,
                                    std::span<const expert_holder> holders) {
  if (landing_ == nullptr) return {};
  if (call.rows > most_.rows || call.top_k > most_.top_k)
    return fail(errc::out_of_range, "{} rows of {} experts, more than {} of {}", call.rows,
                call.top_k, most_.rows, most_.top_k);
  activation_needs forms;
  for (const expert_holder& h : holders)
    if (h.remote) forms.merge(h.takes);
  if (auto there = check_forms(call, forms); !there) return there;
  auto ids = ids_pool_.take();
  if (!ids) return fail(std::move(ids.error()));
  auto piece = pool_.take();
  if (!piece) return fail(std::move(piece.error()));
  staged_ = {at, std::move(*ids), std::move(*piece), {forms, 0, call.rows, hidden_}};
  std::byte* const to = staged_.memory->data();
  const row_block& r = staged_.rows;
  kernels::status done = kernels::status::ok;
  const auto copy = [&](std::byte* where, const void* from, std::size_t bytes) {
    if (done == kernels::status::ok && bytes > 0)
      done = device_->kernels().copy(device_->stream(), {where, from, bytes});
  };
  copy(staged_.ids->data(), call.ids, std::size_t{call.rows} * call.top_k * sizeof(std::int32_t));
  copy(to + r.f32, call.x.f32, r.q8 - r.f32);
  copy(to + r.q8, call.x.q8, r.f8 - r.q8);
  copy(to + r.f8, call.f8, r.bytes - r.f8);
  if (done == kernels::status::ok) return {};
  abandon();
  return fail(errc::internal, "the device refused to copy the rows of layer {}", at.layer);
}

result<void> expert_dispatch::begin(const layer_step& at, const expert_call& call,
                                    std::span<const expert_holder> holders) {
  staged_layer staged = std::exchange(staged_, {});
  forget();
  if (call.rows > most_.rows)
    return fail(errc::out_of_range, "{} rows, more than {}", call.rows, most_.rows);
  if (landing_ != nullptr && (staged.memory == nullptr || staged.at != at))
    return fail(errc::internal, "layer {}: its rows were not copied", at.layer);
  at_ = at;
  outputs_ = call.outputs;
  top_k_ = call.top_k;
  const std::size_t slots = std::size_t{call.rows} * call.top_k;
  ids_ = std::move(staged.ids);
  chosen_ = {ids_ == nullptr ? call.ids : ids_->as<std::int32_t>(), slots};
  result<void> done = list_holders(holders);
  if (done) done = sort_rows(call);
  if (done) done = take_rows(call, std::move(staged));
  if (!done) {
    forget();
    return done;
  }
  for (const share& s : shares_)
    if (s.remote && !s.slots.empty()) ++awaited_;
  return {};
}

result<void> expert_dispatch::list_holders(std::span<const expert_holder> holders) {
  shares_.clear();
  std::ranges::fill(share_of_, -1);
  for (const expert_holder& h : holders) {
    if (h.first > most_experts || h.count > most_experts - h.first)
      return fail(errc::invalid_argument, "shard {} has experts from {}, {} of them", h.shard,
                  h.first, h.count);
    share* s = find(h.shard);
    if (s == nullptr) {
      shares_.push_back({h.shard, h.remote, false, h.takes, {}, {}, {}});
      s = &shares_.back();
    }
    s->takes.merge(h.takes);
    const auto end = h.first + h.count;
    if (share_of_.size() < end) share_of_.resize(end, -1);
    for (std::uint32_t e = h.first; e < end; ++e) {
      if (share_of_[e] >= 0)
        return fail(errc::invalid_argument, "layer {}: expert {} has two holders", at_.layer, e);
      share_of_[e] = static_cast<std::int32_t>(s - shares_.data());
    }
  }
  return {};
}

result<void> expert_dispatch::sort_rows(const expert_call& call) {
  travelling_.clear();
  landing_slots_.clear();
  for (std::uint32_t row = 0; row < call.rows; ++row) {
    for (std::uint32_t rank = 0; rank < call.top_k; ++rank) {
      const std::uint32_t slot = row * call.top_k + rank;
      const std::int32_t id = chosen_[slot];
      const bool known = id >= 0 && static_cast<std::size_t>(id) < share_of_.size() &&
                         share_of_[static_cast<std::size_t>(id)] >= 0;
      if (!known) return fail(errc::internal, "layer {}: nobody has expert {}", at_.layer, id);
      const auto at = share_of_[static_cast<std::size_t>(id)];
      share& s = shares_[static_cast<std::size_t>(at)];
      if (!s.remote) continue;
      if (s.rows.empty() || s.rows.back() != row) {
        s.rows.push_back(row);
        s.ids.resize(s.ids.size() + call.top_k, no_expert);
      }
      s.ids[s.ids.size() - call.top_k + rank] = id;
      s.slots.push_back(slot);
      if (travelling_.empty() || travelling_.back() != row) travelling_.push_back(row);
      if (landing_ == nullptr) continue;
      const bool next = !landing_slots_.empty() &&
                        landing_slots_.back().first + landing_slots_.back().count == slot;
      if (!next) landing_slots_.push_back({slot, 0});
      ++landing_slots_.back().count;
    }
  }
  return {};
}

result<void> expert_dispatch::check_forms(const expert_call& call,
                                          const activation_needs& forms) const {
  if ((forms.f32 && call.x.f32 == nullptr) || (forms.q8 && call.x.q8 == nullptr) ||
      (forms.f8 && call.f8 == nullptr) || call.x.cols != hidden_ ||
      pool_.piece_bytes() < call.rows * expert_row_bytes(forms, hidden_))
    return fail(errc::internal, "layer {}: rows are not in the form that experts take", at_.layer);
  return {};
}

result<void> expert_dispatch::take_rows(const expert_call& call, staged_layer&& staged) {
  place_of_.resize(call.rows);
  if (staged.memory != nullptr) {
    // All rows are there, each at its own place.
    for (std::uint32_t row = 0; row < call.rows; ++row) place_of_[row] = row;
    copied_ = staged.rows;
    copy_ = std::move(staged.memory);
    return {};
  }
  if (travelling_.empty()) return {};
  activation_needs forms;
  for (const share& s : shares_)
    if (!s.slots.empty()) forms.merge(s.takes);
  if (auto there = check_forms(call, forms); !there) return there;
  auto piece = pool_.take();
  if (!piece) return fail(std::move(piece.error()));
  std::byte* const to = (*piece)->data();
  copied_ = {forms, 0, travelling_.size(), hidden_};
  if (forms.f32)
    gather(reinterpret_cast<const std::byte*>(call.x.f32), travelling_, hidden_ * sizeof(float),
           to + copied_.f32);
  if (forms.q8) gather(call.x.q8, travelling_, kernels::q8_row_bytes(hidden_), to + copied_.q8);
  if (forms.f8) gather(call.f8, travelling_, kernels::f8_row_bytes(hidden_), to + copied_.f8);
  for (std::size_t i = 0; i < travelling_.size(); ++i)
    place_of_[travelling_[i]] = static_cast<std::uint32_t>(i);
  copy_ = std::move(*piece);
  return {};
}

expert_dispatch::share* expert_dispatch::find(std::uint32_t shard) {
  const auto at = std::ranges::find(shares_, shard, &share::shard);
  return at == shares_.end() ? nullptr : &*at;
}

std::vector<expert_dispatch::asked_shard> expert_dispatch::asked() const {
  std::vector<asked_shard> out;
  for (const share& s : shares_) {
    if (s.remote && !s.slots.empty())
      out.push_back({s.shard, static_cast<std::uint32_t>(s.rows.size()),
                     static_cast<std::uint32_t>(s.slots.size())});
  }
  return out;
}

result<expert_request> expert_dispatch::request(std::uint32_t shard, std::uint32_t attempt) const {
  const auto at = std::ranges::find(shares_, shard, &share::shard);
  if (at == shares_.end() || !at->remote || at->slots.empty() || at->answered)
    return fail(errc::not_found, "layer {}: nothing is asked of shard {}", at_.layer, shard);
  const activation_needs& takes = at->takes;
  expert_request out{{at_.epoch, at_.step, at_.layer, shard, attempt, top_k_, takes.f32, takes.q8,
                      takes.f8, at->rows, at->ids},
                     {}};
  if (takes.f32) add_parts(*at, copied_.f32, hidden_ * sizeof(float), out.payload);
  if (takes.q8) add_parts(*at, copied_.q8, kernels::q8_row_bytes(hidden_), out.payload);
  if (takes.f8) add_parts(*at, copied_.f8, kernels::f8_row_bytes(hidden_), out.payload);
  return out;
}

void expert_dispatch::add_parts(const share& s, std::size_t first_byte, std::size_t row_bytes,
                                std::vector<payload_part>& parts) const {
  for (std::size_t i = 0; i < s.rows.size();) {
    const std::size_t place = place_of_[s.rows[i]];
    std::size_t count = 1;
    while (i + count < s.rows.size() && place_of_[s.rows[i + count]] == place + count) ++count;
    parts.push_back({{copy_->data() + first_byte + place * row_bytes, count * row_bytes}, copy_});
    i += count;
  }
}

result<outputs_verdict> expert_dispatch::take(const expert_outputs_header& header,
                                              std::span<const std::byte> payload) {
  if (outputs_ == nullptr || layer_step{header.epoch, header.step, header.layer} != at_)
    return outputs_verdict::late;
  share* s = find(header.shard);
  if (s == nullptr || !s->remote || s->slots.empty())
    return fail(errc::corrupt, "layer {}: outputs of shard {}, which was not asked", at_.layer,
                header.shard);
  if (s->answered) return outputs_verdict::late;
  if (!header.accepted) return outputs_verdict::refused;
  const std::size_t row_bytes = hidden_ * sizeof(float);
  if (header.slots != s->slots || payload.size() != s->slots.size() * row_bytes)
    return fail(errc::corrupt, "shard {} answers with {} outputs in {} bytes, asked for {}",
                header.shard, header.slots.size(), payload.size(), s->slots.size());
  put_outputs(*s, payload, landing_ == nullptr ? outputs_ : landing_->as<float>());
  if (landing_ != nullptr && awaited_ == 1 && land() != kernels::status::ok)
    return fail(errc::internal, "layer {}: the device refused its outputs", at_.layer);
  s->answered = true;
  --awaited_;
  return outputs_verdict::taken;
}

void expert_dispatch::put_outputs(const share& s, std::span<const std::byte> payload,
                                  float* outputs) const {
  const std::size_t row_bytes = hidden_ * sizeof(float);
  const std::byte* from = payload.data();
  for (const std::uint32_t slot : s.slots) {
    std::memcpy(outputs + std::size_t{slot} * hidden_, from, row_bytes);
    from += row_bytes;
  }
}

/// All outputs of the layer at once. What the copies read is written again only by answers to a
/// later layer, and that one begins when the stream has passed its routing, and these copies before
/// it.
kernels::status expert_dispatch::land() {
  for (const slot_run& run : landing_slots_) {
    const std::size_t at = std::size_t{run.first} * hidden_;
    const kernels::status done = device_->kernels().copy(
        device_->stream(), {outputs_ + at, landing_->as<float>() + at,
                            std::size_t{run.count} * hidden_ * sizeof(float)});
    if (done != kernels::status::ok) return done;
  }
  return kernels::status::ok;
}

void expert_dispatch::forget() {
  outputs_ = nullptr;
  awaited_ = 0;
  chosen_ = {};
  ids_.reset();
  shares_.clear();
  copy_.reset();
}

void expert_dispatch::abandon() {
  // Copies that the stream has not passed use these.
  if (landing_ != nullptr)
    device_->notify([staged = std::exchange(staged_, {}), outputs = landing_] {});
  forget();
}

}  // namespace troupe
