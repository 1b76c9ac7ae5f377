#include <algorithm>
#include <string_view>
#include <utility>

#include "kernels/api/sample.hpp"
#include "runtime/wire/fields.hpp"
#include "runtime/wire/frames.hpp"
#include "runtime/wire/object_index.hpp"
#include "runtime/wire/step_frames.hpp"
#include "runtime/wire/step_layout.hpp"

namespace troupe {
namespace {

using params_ptr = std::shared_ptr<const sampling_params>;
using history_ptr = std::shared_ptr<const std::vector<token_id>>;

/// So many rows, published; null, and the reader has the reason: they are not there.
std::shared_ptr<token_masks> get_rows(byte_reader& from, std::uint32_t count, std::uint32_t vocab) {
  const std::uint32_t words = token_masks::words_for(vocab);
  const std::size_t bytes = count * (1 + std::size_t{words}) * sizeof(std::uint32_t);
  if (bytes > from.remaining())
    from.refuse(errc::corrupt, "{} masks in {} bytes", count, from.remaining());
  if (!from.ok()) return nullptr;
  auto masks = std::make_shared<token_masks>(count, vocab);
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto row = from.get_list<std::uint32_t>("mask", words);
    if (row.size() != words) {
      from.refuse(errc::corrupt, "mask: {} words, not {}", row.size(), words);
      return nullptr;
    }
    std::ranges::copy(row, masks->write(i).begin());
  }
  masks->publish();
  return masks;
}

/// Reads a plan part by part, each checked against those before it.
class plan_reader {
 public:
  plan_reader(std::span<const std::byte> header, const step_bounds& bounds)
      : from_(header, "step"), bounds_(bounds), plan_(std::make_shared<step_plan>()) {}

  result<std::shared_ptr<const step_plan>> read() {
    plan_->epoch = get_preamble(from_);
    plan_->id = from_.get<step_id>("step");
    each("runs", wire::run_bytes, plan_->runs, [&] { return run(); });
    each("parameters", wire::params_bytes, params_, [&] { return params(); });
    each("histories", wire::history_bytes, histories_, [&] { return history(); });
    each("samples", wire::sample_bytes, plan_->samples, [&] { return sample(); });
    each("scores", wire::score_bytes, plan_->scores, [&] { return score(); });
    masks();
    if (auto done = from_.finish(); !done) return fail(std::move(done.error()));
    return std::shared_ptr<const step_plan>(std::move(plan_));
  }

 private:
  /// A list of which a step has at most one element a row.
  template <class T, class F>
  void each(std::string_view what, std::size_t least_bytes, std::vector<T>& list, const F& read) {
    const std::uint32_t count = from_.get_count(what, least_bytes, bounds_.rows);
    list.reserve(count);
    for (std::uint32_t i = 0; i < count && from_.ok(); ++i) list.push_back(read());
  }

  sequence_run run() {
    sequence_run run;
    run.sequence = from_.get<sequence_id>("sequence");
    run.first = from_.get<std::uint32_t>("first position");
    run.tokens = from_.get_list<token_id>("tokens", bounds_.rows - rows_);
    const auto count = static_cast<std::uint32_t>(run.tokens.size());
    if (count == 0) from_.refuse(errc::corrupt, "sequence {}: no tokens", run.sequence);
    if (run.first > bounds_.positions || count > bounds_.positions - run.first) {
      from_.refuse(errc::out_of_range, "sequence {}: {} positions from {}, {} may be", run.sequence,
                   count, run.first, bounds_.positions);
    }
    for (const token_id token : run.tokens) check_token(token, "token");
    rows_ += count;
    return run;
  }

  params_ptr params() { return std::make_shared<const sampling_params>(wire::get_params(from_)); }

  history_ptr history() {
    return std::make_shared<const std::vector<token_id>>(
        from_.get_list<token_id>("history", bounds_.positions));
  }

  sample_point sample() {
    sample_point point;
    point.run = from_.get<std::uint32_t>("run");
    point.offset = from_.get<std::uint32_t>("row");
    point.choice = from_.get<std::uint32_t>("choice");
    point.prompt_length = from_.get<std::uint32_t>("prompt length");
    const auto params = from_.get<std::uint32_t>("parameters");
    const auto history = from_.get<std::uint32_t>("history");
    point.history_length = from_.get<std::uint32_t>("history length");
    point.banned = from_.get_list<token_id>("banned tokens");
    point.mask = from_.get<std::uint32_t>("mask");
    check_row(point.run, point.offset, "sample");
    point.params = shared(params_, params, "parameters");
    if (history != no_object) point.history = shared(histories_, history, "history");
    if (point.history != nullptr && point.history_length > point.history->size()) {
      from_.refuse(errc::out_of_range, "sample: {} tokens of a history of {}", point.history_length,
                   point.history->size());
    }
    return point;
  }

  score_point score() {
    score_point point;
    point.run = from_.get<std::uint32_t>("run");
    point.offset = from_.get<std::uint32_t>("row");
    point.target = from_.get<token_id>("target");
    point.top = from_.get<std::uint32_t>("top");
    check_row(point.run, point.offset, "score");
    check_token(point.target, "target");
    if (point.top > kernels::max_top_logprobs) {
      from_.refuse(errc::out_of_range, "score: {} alternatives, at most {} may be", point.top,
                   kernels::max_top_logprobs);
    }
    return point;
  }

  /// The masks, or that they follow, and that each point that names one has it: the sampler reads
  /// a whole row.
  void masks() {
    const auto count = from_.get<std::uint32_t>("masks");
    const bool here = from_.get_flag("masks that are here");
    if (count > plan_->samples.size())
      from_.refuse(errc::out_of_range, "{} masks of {} samples", count, plan_->samples.size());
    for (const sample_point& point : plan_->samples)
      if (point.mask != no_mask && point.mask >= count)
        from_.refuse(errc::out_of_range, "sample: mask {} of {}", point.mask, count);
    if (here && count == 0) from_.refuse(errc::corrupt, "no masks, and they are here");
    if (count == 0 || !from_.ok()) return;
    plan_->masks = here ? get_rows(from_, count, bounds_.vocab)
                        : std::make_shared<token_masks>(count, bounds_.vocab);
  }

  template <class T>
  T shared(const std::vector<T>& list, std::uint32_t index, std::string_view what) {
    if (index < list.size()) return list[index];
    from_.refuse(errc::out_of_range, "sample: {} {} of {}", what, index, list.size());
    return nullptr;
  }
  void check_row(std::uint32_t run, std::uint32_t offset, std::string_view what) {
    if (run >= plan_->runs.size()) {
      from_.refuse(errc::out_of_range, "{}: run {} of {}", what, run, plan_->runs.size());
    } else if (offset >= plan_->runs[run].tokens.size()) {
      from_.refuse(errc::out_of_range, "{}: row {} of run {}, which has {}", what, offset, run,
                   plan_->runs[run].tokens.size());
    }
  }
  void check_token(token_id token, std::string_view what) {
    if (static_cast<std::uint32_t>(token) >= bounds_.vocab)
      from_.refuse(errc::out_of_range, "{} {} of {}", what, token, bounds_.vocab);
  }

  byte_reader from_;
  const step_bounds& bounds_;
  std::shared_ptr<step_plan> plan_;
  std::uint32_t rows_ = 0;
  std::vector<params_ptr> params_;
  std::vector<history_ptr> histories_;
};

}  // namespace

result<std::shared_ptr<const step_plan>> decode_step(std::span<const std::byte> header,
                                                     const step_bounds& bounds) {
  return plan_reader(header, bounds).read();
}

result<step_masks> decode_step_masks(std::span<const std::byte> header, const step_bounds& bounds) {
  byte_reader from(header, "masks");
  step_masks m;
  m.epoch = get_preamble(from);
  m.step = from.get<step_id>("step");
  const auto count = from.get<std::uint32_t>("masks");
  if (count == 0 || count > bounds.rows)
    from.refuse(errc::out_of_range, "{} masks, 1 to {} may be", count, bounds.rows);
  if (from.ok()) m.masks = get_rows(from, count, bounds.vocab);
  if (auto done = from.finish(); !done) return fail(std::move(done.error()));
  return m;
}

}  // namespace troupe
