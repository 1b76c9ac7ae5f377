#include "runtime/engine/expert_dispatch.hpp"

#include <algorithm>
#include <cstring>

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

expert_dispatch::expert_dispatch(device& d, std::uint32_t hidden, const activation_needs& forms,
                                 const limits& most)
    : device_(d),
      hidden_(hidden),
      most_rows_(most.rows),
      pool_(d, most.rows * expert_row_bytes(forms, hidden), most.kept_messages) {}

result<void> expert_dispatch::begin(const layer_step& at, const expert_call& call,
                                    std::span<const expert_holder> holders) {
  abandon();
  if (call.rows > most_rows_)
    return fail(errc::out_of_range, "{} rows, more than {}", call.rows, most_rows_);
  at_ = at;
  outputs_ = call.outputs;
  top_k_ = call.top_k;
  result<void> done = list_holders(holders);
  if (done) done = sort_rows(call);
  if (done) done = copy_rows(call);
  if (!done) {
    abandon();
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
      shares_.push_back({h.shard, h.remote, false, h.reads, {}, {}, {}});
      s = &shares_.back();
    }
    s->reads.merge(h.reads);
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
  for (std::uint32_t row = 0; row < call.rows; ++row) {
    for (std::uint32_t rank = 0; rank < call.top_k; ++rank) {
      const std::uint32_t slot = row * call.top_k + rank;
      const std::int32_t id = call.ids[slot];
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
    }
  }
  return {};
}

result<void> expert_dispatch::copy_rows(const expert_call& call) {
  if (travelling_.empty()) return {};
  activation_needs forms;
  for (const share& s : shares_)
    if (!s.slots.empty()) forms.merge(s.reads);
  if ((forms.f32 && call.x.f32 == nullptr) || (forms.q8 && call.x.q8 == nullptr) ||
      call.x.cols != hidden_ || pool_.piece_bytes() < call.rows * expert_row_bytes(forms, hidden_))
    return fail(errc::internal, "layer {}: rows are not in the form that experts read", at_.layer);
  auto piece = pool_.take();
  if (!piece) return fail(std::move(piece.error()));
  std::byte* to = (*piece)->data();
  q8_first_ = forms.f32 ? travelling_.size() * hidden_ * sizeof(float) : 0;
  if (forms.f32)
    gather(reinterpret_cast<const std::byte*>(call.x.f32), travelling_, hidden_ * sizeof(float),
           to);
  if (forms.q8) gather(call.x.q8, travelling_, kernels::q8_row_bytes(hidden_), to + q8_first_);
  place_of_.resize(call.rows);
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
  expert_request out{{at_.epoch, at_.step, at_.layer, shard, attempt, top_k_, at->reads.f32,
                      at->reads.q8, at->rows, at->ids},
                     {}};
  if (at->reads.f32) add_parts(*at, 0, hidden_ * sizeof(float), out.payload);
  if (at->reads.q8) add_parts(*at, q8_first_, kernels::q8_row_bytes(hidden_), out.payload);
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
  const std::byte* from = payload.data();
  for (const std::uint32_t slot : s->slots) {
    float* const to = outputs_ + std::size_t{slot} * hidden_;
    std::memcpy(to, from, row_bytes);
    device_.written(to, row_bytes);
    from += row_bytes;
  }
  s->answered = true;
  --awaited_;
  return outputs_verdict::taken;
}

void expert_dispatch::abandon() {
  outputs_ = nullptr;
  awaited_ = 0;
  shares_.clear();
  copy_.reset();
}

}  // namespace troupe
