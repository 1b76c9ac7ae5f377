#include "tests/kernels/attention_support.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "kernels/reference/ops.hpp"

namespace troupe::kernels::test {
namespace {

std::uint32_t longest(const std::vector<run>& runs) {
  std::uint32_t most = 0;
  for (const run& r : runs) most = std::max(most, r.end);
  return most;
}

}  // namespace

paged::paged(heads h, kv_type type, std::uint32_t page_size, std::uint32_t sequences,
             std::uint32_t positions, generator& random, std::uint8_t fill)
    : heads_(h), type_(type), page_size_(page_size) {
  const std::uint32_t pages = (positions + page_size - 1) / page_size;
  std::vector<std::int32_t> order(std::size_t{pages} * sequences);
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), random);
  for (std::uint32_t i = 0; i < sequences; ++i)
    pages_.emplace_back(order.begin() + i * pages, order.begin() + (i + 1) * pages);
  for (const auto& p : pages_) tables_.push_back(p.data());
  keys_.resize(order.size() * stride() * kv_element_bytes(type) / 4);
  std::memset(keys_.data(), fill, keys_.size() * sizeof(float));
  values_ = keys_;
}

kv_layer paged::layer() {
  return {reinterpret_cast<std::byte*>(keys_.data()),
          reinterpret_cast<std::byte*>(values_.data()),
          type_,
          page_size_,
          heads_.kv,
          heads_.dim,
          stride()};
}

std::size_t paged::stride() const {
  // Other layers lie between the pages of one.
  return std::size_t{page_size_} * heads_.kv * heads_.dim + 96;
}

std::size_t row_width(heads h) { return std::size_t{h.query + 2 * h.kv} * h.dim; }

row_placement step::where(const paged& cache) const {
  return {positions.data(), sequences.data(), cache.tables(),
          static_cast<std::uint32_t>(positions.size())};
}

attention_case::attention_case(heads h, kv_type type, std::uint32_t page_size,
                               const std::vector<run>& runs, generator& random)
    : heads_(h),
      cache_(h, type, page_size, static_cast<std::uint32_t>(runs.size()), longest(runs), random,
             0xff) {
  for (std::uint32_t i = 0; i < runs.size(); ++i) {
    step past;
    for (std::uint32_t at = 0; at < runs[i].end; ++at) {
      past.positions.push_back(static_cast<std::int32_t>(at));
      past.sequences.push_back(i);
    }
    past.qkv = random_floats(past.positions.size() * row_width(h), random);
    rope_and_store_params p;
    p.qkv = past.qkv.data();
    p.cache = cache_.layer();
    p.where = past.where(cache_);
    p.heads = h.query;
    reference::rope_and_store(p);
    step_.positions.insert(step_.positions.end(), past.positions.begin() + runs[i].begin,
                           past.positions.end());
    step_.sequences.resize(step_.positions.size(), i);
  }
  step_.qkv = random_floats(step_.positions.size() * row_width(h), random);
}

attention_params attention_case::params(owned_activation& out, std::uint32_t from,
                                        std::uint32_t to) {
  attention_params p;
  p.qkv = step_.qkv.data() + from * row_width(heads_);
  p.cache = cache_.layer();
  p.where = {step_.positions.data() + from, step_.sequences.data() + from, cache_.tables(),
             to - from};
  p.out = out.view_from(from);
  p.scale = 1.5F / std::sqrt(static_cast<float>(heads_.dim));
  p.heads = heads_.query;
  return p;
}

}  // namespace troupe::kernels::test
