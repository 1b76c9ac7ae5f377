#include "runtime/wire/fields.hpp"
#include "runtime/wire/frames.hpp"
#include "runtime/wire/object_index.hpp"
#include "runtime/wire/step_frames.hpp"
#include "runtime/wire/step_layout.hpp"

namespace troupe {
namespace {

using history_tokens = std::vector<token_id>;

/// What the samples of a plan share, and which of it each has.
struct shared_parts {
  object_index<sampling_params> params;
  object_index<history_tokens> histories;
  std::size_t bytes = 0;  ///< of all of it and of the samples, on the wire

  explicit shared_parts(const std::vector<sample_point>& samples)
      : params(samples.size()), histories(samples.size()) {
    for (const sample_point& point : samples) {
      (void)params.add(point.params.get());
      (void)histories.add(point.history.get());
      bytes += wire::sample_bytes + point.banned.size() * sizeof(token_id);
    }
    for (const sampling_params* p : params.objects())
      bytes += wire::params_bytes + p->logit_bias.size() * wire::bias_bytes;
    for (const history_tokens* h : histories.objects())
      bytes += wire::history_bytes + h->size() * sizeof(token_id);
  }
};

std::size_t run_bytes(const std::vector<sequence_run>& runs) {
  std::size_t bytes = 0;
  for (const sequence_run& run : runs)
    bytes += wire::run_bytes + run.tokens.size() * sizeof(token_id);
  return bytes;
}

void put_run(byte_writer& to, const sequence_run& run) {
  to.put(run.sequence);
  to.put(run.first);
  to.put_list(run.tokens);
}

void put_sample(byte_writer& to, const sample_point& point, shared_parts& shared) {
  to.put(point.run);
  to.put(point.offset);
  to.put(point.choice);
  to.put(point.prompt_length);
  to.put(shared.params.add(point.params.get()));
  to.put(shared.histories.add(point.history.get()));
  to.put(point.history_length);
  to.put_list(point.banned);
  to.put(point.mask);
}

std::size_t mask_bytes(const token_masks& masks) {
  return masks.rows() * (1 + std::size_t{masks.words()}) * sizeof(std::uint32_t);
}

void put_rows(byte_writer& to, const token_masks& masks) {
  for (std::uint32_t row = 0; row < masks.rows(); ++row) to.put_list(masks.row(row));
}

void put_score(byte_writer& to, const score_point& point) {
  to.put(point.run);
  to.put(point.offset);
  to.put(point.target);
  to.put(point.top);
}

}  // namespace

std::vector<std::byte> encode_step(const step_plan& plan) {
  shared_parts shared(plan.samples);
  // They may be published at any moment.
  const bool here = plan.masks != nullptr && plan.masks->published();
  byte_writer to(wire::step_bytes + run_bytes(plan.runs) + shared.bytes +
                 plan.scores.size() * wire::score_bytes + (here ? mask_bytes(*plan.masks) : 0));
  put_preamble(to, plan.epoch);
  to.put(plan.id);
  to.put_count(plan.runs.size());
  for (const sequence_run& run : plan.runs) put_run(to, run);
  to.put_count(shared.params.objects().size());
  for (const sampling_params* params : shared.params.objects()) wire::put_params(to, *params);
  to.put_count(shared.histories.objects().size());
  for (const history_tokens* history : shared.histories.objects()) to.put_list(*history);
  to.put_count(plan.samples.size());
  for (const sample_point& point : plan.samples) put_sample(to, point, shared);
  to.put_count(plan.scores.size());
  for (const score_point& point : plan.scores) put_score(to, point);
  to.put_count(plan.masks == nullptr ? 0 : plan.masks->rows());
  to.put_flag(here);
  if (here) put_rows(to, *plan.masks);
  return to.take();
}

std::vector<std::byte> encode_step_masks(const step_masks& m) {
  byte_writer to(preamble_bytes + sizeof(step_id) + sizeof(std::uint32_t) + mask_bytes(*m.masks));
  put_preamble(to, m.epoch);
  to.put(m.step);
  to.put_count(m.masks->rows());
  put_rows(to, *m.masks);
  return to.take();
}

}  // namespace troupe
