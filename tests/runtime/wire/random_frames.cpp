#include "tests/runtime/wire/random_frames.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <map>

namespace troupe::test {
namespace {

float any_float(generator& random) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(random()));
}

float some_float(generator& random) {
  return std::uniform_real_distribution<float>(-2.0F, 2.0F)(random);
}

std::vector<token_id> random_tokens(generator& random, std::uint32_t low, std::uint32_t high) {
  std::vector<token_id> tokens(pick(random, low, high));
  for (token_id& t : tokens) t = static_cast<token_id>(pick(random, 0, plan_vocab - 1));
  return tokens;
}

std::shared_ptr<const sampling_params> random_params(generator& random) {
  sampling_params p;
  p.temperature = some_float(random);
  p.top_p = some_float(random);
  p.min_p = -0.0F;
  p.top_k = static_cast<std::uint32_t>(random());
  p.presence_penalty = std::numeric_limits<float>::denorm_min();
  p.frequency_penalty = some_float(random);
  p.repetition_penalty = some_float(random);
  p.seed = random();
  for (const token_id t : random_tokens(random, 0, 3))
    p.logit_bias.emplace_back(t, some_float(random));
  p.logprobs = random() % 2 == 0;
  p.top_logprobs = pick(random, 0, 20);
  return std::make_shared<const sampling_params>(p);
}

void add_points(generator& random, step_plan& plan) {
  std::vector<std::shared_ptr<const sampling_params>> params(3);
  for (auto& each : params) each = random_params(random);
  for (std::uint32_t run = 0; run < plan.runs.size(); ++run) {
    const auto rows = static_cast<std::uint32_t>(plan.runs[run].tokens.size());
    std::shared_ptr<const std::vector<token_id>> history;
    if (random() % 2 == 0)
      history = std::make_shared<const std::vector<token_id>>(random_tokens(random, 0, 40));
    const std::uint32_t from = pick(random, 0, rows);
    for (std::uint32_t offset = from; offset < rows; ++offset) {
      sample_point point;
      point.run = run;
      point.offset = offset;
      point.choice = pick(random, 0, 3);
      point.prompt_length = pick(random, 0, 99);
      point.params = params[random() % params.size()];
      point.history = history;
      point.history_length = pick(random, 0, history ? std::uint32_t(history->size()) : 1000);
      point.banned = random_tokens(random, 0, 2);
      plan.samples.push_back(std::move(point));
    }
    for (std::uint32_t offset = 0; offset < from; ++offset) {
      plan.scores.push_back({run, offset, static_cast<token_id>(pick(random, 0, plan_vocab - 1)),
                             pick(random, 0, 20)});
    }
  }
}

/// Of some points; rows in no order.
void add_masks(generator& random, step_plan& plan) {
  const std::uint32_t rows = pick(random, 0, std::min<std::uint32_t>(3, plan.samples.size()));
  if (rows == 0) return;
  plan.masks = std::make_shared<token_masks>(rows, plan_vocab);
  for (std::uint32_t row = 0; row < rows; ++row)
    for (std::uint32_t& word : plan.masks->write(row)) word = static_cast<std::uint32_t>(random());
  if (random() % 3 != 0) plan.masks->publish();
  for (sample_point& point : plan.samples)
    if (random() % 2 == 0) point.mask = pick(random, 0, rows - 1);
}

token_logprob random_logprob(generator& random) {
  token_logprob out;
  out.logprob = any_float(random);
  for (std::uint32_t k = pick(random, 0, 20); k > 0; --k)
    out.top.emplace_back(static_cast<token_id>(pick(random, 0, plan_vocab - 1)), any_float(random));
  return out;
}

std::vector<std::int32_t> random_pages(generator& random) {
  std::vector<std::int32_t> pages(pick(random, 0, 5));
  for (std::int32_t& page : pages) page = static_cast<std::int32_t>(pick(random, 0, 0x7fffffff));
  return pages;
}

std::vector<std::uint32_t> ascending(generator& random, std::uint32_t most) {
  std::vector<std::uint32_t> numbers;
  for (std::uint32_t n = pick(random, 0, 3); n < most; n += pick(random, 1, 9))
    numbers.push_back(n);
  return numbers;
}

template <class T>
std::vector<std::size_t> sharing(const std::vector<T>& objects) {
  std::map<const void*, std::size_t> first;
  std::vector<std::size_t> numbers;
  for (std::size_t i = 0; i < objects.size(); ++i)
    numbers.push_back(first.try_emplace(objects[i], i).first->second);
  return numbers;
}

bool same(const sample_point& a, const sample_point& b) {
  const bool histories = a.history == nullptr || b.history == nullptr ? a.history == b.history
                                                                      : *a.history == *b.history;
  return a.run == b.run && a.offset == b.offset && a.choice == b.choice &&
         a.prompt_length == b.prompt_length && *a.params == *b.params && histories &&
         a.history_length == b.history_length && a.banned == b.banned && a.mask == b.mask;
}

bool same(const token_logprob& a, const token_logprob& b) {
  const auto bits = [](float f) { return std::bit_cast<std::uint32_t>(f); };
  return bits(a.logprob) == bits(b.logprob) &&
         std::ranges::equal(a.top, b.top, [&](const auto& x, const auto& y) {
           return x.first == y.first && bits(x.second) == bits(y.second);
         });
}

}  // namespace

std::uint32_t pick(generator& random, std::uint32_t low, std::uint32_t high) {
  return std::uniform_int_distribution<std::uint32_t>(low, high)(random);
}

std::shared_ptr<const step_plan> random_plan(generator& random) {
  auto plan = std::make_shared<step_plan>();
  plan->id = random();
  plan->epoch = random();
  for (std::uint32_t n = pick(random, 0, 8); n > 0; --n) {
    plan->runs.push_back({random(), pick(random, 0, 100'000), random_tokens(random, 1, 8)});
  }
  add_points(random, *plan);
  add_masks(random, *plan);
  return plan;
}

step_result random_result(generator& random, const step_plan& plan) {
  step_result result;
  result.id = plan.id;
  result.epoch = plan.epoch;
  result.device_seconds = std::uniform_real_distribution<double>(0, 1)(random);
  for (std::size_t i = 0; i < plan.samples.size(); ++i) {
    result.samples.push_back(
        {static_cast<token_id>(pick(random, 0, plan_vocab - 1)), random_logprob(random)});
  }
  for (std::size_t i = 0; i < plan.scores.size(); ++i)
    result.scores.push_back(random_logprob(random));
  return result;
}

kv_record random_record(generator& random) {
  kv_record r{random(), random(), pick(random, 0, 9), {random(), random()}, random() % 2 == 0,
              {},       {}};
  for (std::uint32_t n = pick(random, 0, 6); n > 0; --n) {
    r.runs.push_back({random(), pick(random, 0, 1000), pick(random, 1, 1000), pick(random, 0, 1000),
                      random_pages(random)});
  }
  for (std::uint32_t n = pick(random, 0, 3); n > 0; --n) r.gone.push_back(random());
  return r;
}

kv_snapshot random_snapshot(generator& random) {
  kv_snapshot s{random(),
                random(),
                pick(random, 0, 9),
                {random(), random()},
                random() % 2 == 0,
                random_pages(random),
                {}};
  for (std::uint32_t n = pick(random, 0, 4); n > 0; --n)
    s.tables.push_back({random(), random_pages(random)});
  return s;
}

expert_rows_header random_rows(generator& random) {
  expert_rows_header h;
  h.epoch = random();
  h.step = random();
  h.layer = pick(random, 0, 99);
  h.shard = pick(random, 0, 99);
  h.attempt = pick(random, 0, 3);
  h.top_k = pick(random, 1, 8);
  h.f32 = random() % 2 == 0;
  h.q8 = !h.f32 || random() % 2 == 0;
  h.f8 = random() % 3 == 0;
  if (h.f8) h.f32 = h.q8 = false;
  h.rows = ascending(random, plan_rows);
  h.ids.resize(h.rows.size() * h.top_k);
  for (std::int32_t& id : h.ids) id = static_cast<std::int32_t>(pick(random, 0, 128)) - 1;
  return h;
}

expert_outputs_header random_outputs(generator& random) {
  expert_outputs_header h;
  h.epoch = random();
  h.step = random();
  h.layer = pick(random, 0, 99);
  h.shard = pick(random, 0, 99);
  h.attempt = pick(random, 0, 3);
  h.accepted = random() % 4 != 0;
  if (h.accepted) h.slots = ascending(random, plan_rows);
  return h;
}

bool same_masks(const token_masks* a, const token_masks* b) {
  if (a == nullptr || b == nullptr) return a == b;
  if (a->rows() != b->rows() || a->words() != b->words()) return false;
  if (a->published() != b->published()) return false;
  for (std::uint32_t row = 0; a->published() && row < a->rows(); ++row)
    if (!std::ranges::equal(a->row(row), b->row(row))) return false;
  return true;
}

bool same(const step_plan& a, const step_plan& b) {
  const auto params = [](const step_plan& p) {
    std::vector<const void*> all;
    for (const sample_point& s : p.samples) all.push_back(s.params.get());
    return sharing(all);
  };
  const auto histories = [](const step_plan& p) {
    std::vector<const void*> all;
    for (const sample_point& s : p.samples) all.push_back(s.history.get());
    return sharing(all);
  };
  return a.id == b.id && a.epoch == b.epoch &&
         std::ranges::equal(a.runs, b.runs,
                            [](const sequence_run& x, const sequence_run& y) {
                              return x.sequence == y.sequence && x.first == y.first &&
                                     x.tokens == y.tokens;
                            }) &&
         std::ranges::equal(
             a.samples, b.samples,
             [](const sample_point& x, const sample_point& y) { return same(x, y); }) &&
         same_masks(a.masks.get(), b.masks.get()) && params(a) == params(b) &&
         histories(a) == histories(b) &&
         std::ranges::equal(a.scores, b.scores, [](const score_point& x, const score_point& y) {
           return x.run == y.run && x.offset == y.offset && x.target == y.target && x.top == y.top;
         });
}

bool same(const step_result& a, const step_result& b) {
  return a.id == b.id && a.epoch == b.epoch &&
         std::bit_cast<std::uint64_t>(a.device_seconds) ==
             std::bit_cast<std::uint64_t>(b.device_seconds) &&
         std::ranges::equal(a.samples, b.samples,
                            [](const sampled_token& x, const sampled_token& y) {
                              return x.token == y.token && same(x.logprob, y.logprob);
                            }) &&
         std::ranges::equal(a.scores, b.scores, [](const token_logprob& x, const token_logprob& y) {
           return same(x, y);
         });
}

}  // namespace troupe::test
