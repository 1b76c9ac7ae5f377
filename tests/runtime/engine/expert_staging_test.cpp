#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <deque>
#include <map>

#include "tests/runtime/engine/emulated_device.hpp"
#include "tests/runtime/engine/exchange_support.hpp"
#include "tests/runtime/engine/guarded_device.hpp"
#include "tests/support/paths.hpp"

namespace troupe::test {
namespace {

constexpr std::uint32_t most_rows = stepper::most_rows;
constexpr auto mode = activation_mode::f32;

/// Whether a process that does this is ended by a fault.
bool faults(const std::function<void()>& act) {
  const pid_t child = ::fork();
  if (child == 0) {
    for (const int s : {SIGSEGV, SIGBUS}) (void)std::signal(s, SIG_DFL);
    act();
    ::_exit(0);
  }
  int state = 0;
  return ::waitpid(child, &state, 0) == child && WIFSIGNALED(state) &&
         (WTERMSIG(state) == SIGSEGV || WTERMSIG(state) == SIGBUS);
}

/// A stage and a first shard on one guarded device, the other shards each on one of its own.
class guarded_cluster {
 public:
  guarded_cluster(const model_files& files, std::uint32_t shards, expert_row_form form)
      : files_(files), form_(form), own_(std::make_shared<guarded_device>(7)) {
    const model_config& c = files.config();
    stage_ = std::make_unique<stepper>(*own_, files, mode, form);
    activation_needs forms;
    for (std::uint32_t i = 0; i < shards; ++i) {
      devices_.push_back(i == 0 ? own_ : std::make_shared<guarded_device>(i));
      nodes_.push_back(std::make_unique<expert_node>(devices_[i], files,
                                                     shard_experts(c, i, shards), mode,
                                                     expert_service::limits{most_rows, 4}, form));
      for (const expert_range& r : nodes_[i]->owned)
        forms.merge(expert_takes(files, r, mode, form));
    }
    dispatch_ = std::make_unique<expert_dispatch>(*own_, c.hidden, forms,
                                                  expert_dispatch::limits{most_rows, 2, c.top_k});
    for (const auto& d : devices_) d->guard();
  }
  ~guarded_cluster() {
    // As a block does that ends: what is waiting still uses its memory.
    dispatch_->abandon();
    dispatch_.reset();
    own_->run();
  }

  /// The hidden rows that a step leaves. `near`: the first shard is where the stage is.
  /// `disturb`: answers come twice and out of order, some are refused, and layers are given up in
  /// every way before the step is computed anew.
  std::vector<float> step(const std::vector<token_id>& tokens, bool near, bool disturb,
                          generator& random) {
    if (disturb) {
      for (int tries = 0; tries < 4; ++tries) {
        ++step_;
        give_up_ = {random() % files_.config().layers, random() % 4};
        try {
          compute(tokens, near, true, random);
        } catch (const given_up&) {
        }
      }
      give_up_ = {};
    }
    ++step_;
    compute(tokens, near, disturb, random);
    own_->run();
    return own_->peek(stage_->hidden(), tokens.size() * files_.config().hidden);
  }

  [[nodiscard]] guarded_device& own() { return *own_; }
  [[nodiscard]] const stepper& stage() const { return *stage_; }

 private:
  struct given_up {};
  struct answer {
    expert_outputs_header header;
    std::vector<std::byte> payload;
  };

  void compute(const std::vector<token_id>& tokens, bool near, bool disturb, generator& random) {
    stage_->step(tokens, [&](std::uint32_t layer, const expert_call& call) {
      exchange({5, step_, layer}, call, near, disturb, random);
    });
  }

  void leave(std::uint32_t layer, std::uint32_t moment) {
    if (!give_up_ || give_up_->first != layer || give_up_->second != moment) return;
    dispatch_->abandon();
    throw given_up{};
  }

  void exchange(const layer_step& at, const expert_call& call, bool near, bool disturb,
                generator& random) {
    std::vector<expert_holder> holders = holders_of(at.layer, nodes_, files_, mode, form_);
    // Of a layer with one expert the first shard may have none.
    near = near && nodes_[0]->bank->owns(at.layer);
    for (expert_holder& h : holders) h.remote = !near || h.shard != 0;
    if (const auto staged = dispatch_->stage(at, call, holders); !staged)
      FAIL(staged.error().message());
    leave(at.layer, 0);
    bool chosen = false;
    own_->notify([&chosen] { chosen = true; });
    if (near) REQUIRE(nodes_[0]->bank->apply(at.layer, call) == kernels::status::ok);
    own_->run([&] { return chosen; });
    // Experts here are still to come.
    CHECK((own_->waiting() > 0) == near);
    if (const auto begun = dispatch_->begin(at, call, holders); !begun)
      FAIL(begun.error().message());
    CHECK(dispatch_->chosen().size() == std::size_t{call.rows} * call.top_k);
    leave(at.layer, 1);
    std::vector<answer> answers;
    for (const auto& asked : dispatch_->asked())
      for (const std::uint32_t attempt : disturb ? std::vector{0U, 1U} : std::vector{0U})
        answers.push_back(ask(asked.shard, attempt));
    if (disturb) std::shuffle(answers.begin(), answers.end(), random);
    std::size_t taken = 0;
    for (const answer& a : answers) {
      const auto verdict = dispatch_->take(a.header, a.payload);
      REQUIRE(verdict.has_value());
      CHECK((*verdict == outputs_verdict::taken || disturb));
      if (++taken == 1) leave(at.layer, 2);
    }
    CHECK(dispatch_->complete());
    leave(at.layer, 3);
    if (late_) CHECK(dispatch_->take(late_->header, late_->payload) == outputs_verdict::late);
    if (!answers.empty()) late_ = answers.front();
  }

  answer ask(std::uint32_t shard, std::uint32_t attempt) {
    auto request = dispatch_->request(shard, attempt);
    REQUIRE(request.has_value());
    reply_box box;
    {
      std::vector<std::byte> payload = joined(request->payload);
      REQUIRE(nodes_[shard]->service.apply(request->header, payload, box.handler()).has_value());
      // What came in may go at once.
      std::fill(payload.begin(), payload.end(), std::byte{0xee});
    }
    bool answered = false;
    devices_[shard]->notify([&answered] { answered = true; });
    devices_[shard]->run([&] { return answered; });
    const auto replies = box.wait_for(1);
    REQUIRE(replies.size() == 1);
    CHECK(replies[0].header.accepted);
    return {replies[0].header, joined(replies[0].payload)};
  }

  const model_files& files_;
  expert_row_form form_;
  std::shared_ptr<guarded_device> own_;
  std::unique_ptr<stepper> stage_;
  std::vector<std::shared_ptr<guarded_device>> devices_;
  std::vector<std::unique_ptr<expert_node>> nodes_;
  std::unique_ptr<expert_dispatch> dispatch_;
  step_id step_ = 0;
  std::optional<std::pair<std::uint32_t, std::uint32_t>> give_up_;  ///< layer, moment
  std::optional<answer> late_;
};

/// What one emulated GPU with every expert makes of the same tokens.
std::vector<float> computed_here(const model_files& files, expert_row_form form,
                                 const std::vector<token_id>& tokens) {
  emulated_device dev(3);
  stepper stage(dev, files, mode, form);
  expert_bank every(dev, files, shard_experts(files.config(), 0, 1), mode, most_rows,
                    {true, nullptr});
  stage.step(tokens, [&](std::uint32_t layer, const expert_call& call) {
    REQUIRE(every.apply(layer, call) == kernels::status::ok);
  });
  return {stage.hidden(), stage.hidden() + tokens.size() * files.config().hidden};
}

}  // namespace

TEST_CASE("a guarded device's memory is out of the host's reach, and only that") {
  guarded_device dev;
  const device_buffer own = dev.allocate(100);
  const device_buffer shared = dev.allocate_shared(100);
  const auto read = [](const device_buffer& b) { return [&b] { (void)*b.as<volatile int>(); }; };
  CHECK_FALSE(faults(read(own)));
  dev.guard();
  CHECK(faults(read(own)));
  CHECK(faults([&] { own.as<volatile int>()[3] = 1; }));
  CHECK_FALSE(faults(read(shared)));
  shared.as<float>()[0] = 2;
  REQUIRE(dev.kernels().copy(dev.stream(), {own.data(), shared.data(), 4}) == kernels::status::ok);
  shared.as<float>()[0] = 3;
  dev.run();
  CHECK(dev.peek(own.as<float>(), 1)[0] == 3.0F);  // not before it was run
  CHECK(faults(read(own)));
}

TEST_CASE("a dispatch that ends leaves its memory to the copies that are still to come") {
  constexpr std::uint32_t hidden = 32;
  guarded_device dev;
  const device_buffer x = dev.allocate(4 * hidden * sizeof(float));
  const device_buffer ids = dev.allocate(4 * sizeof(std::int32_t));
  const device_buffer outputs = dev.allocate(4 * hidden * sizeof(float));
  const expert_call call{
      {x.as<float>(), nullptr, hidden}, ids.as<std::int32_t>(), outputs.as<float>(), 4, 1};
  const std::vector<expert_holder> holders = {{1, 0, 2, true, {.f32 = true}}};
  dev.guard();
  for (const bool answered : {false, true}) {
    auto dispatch = std::make_unique<expert_dispatch>(dev, hidden, activation_needs{.f32 = true},
                                                      expert_dispatch::limits{4, 0, 1});
    REQUIRE(dispatch->stage({1, 1, 0}, call, holders).has_value());
    if (answered) {
      dev.run();
      REQUIRE(dispatch->begin({1, 1, 0}, call, holders).has_value());
      const std::vector<float> payload(std::size_t{4} * hidden, 2.5F);
      CHECK(dispatch->take({1, 1, 0, 1, 0, true, {0, 1, 2, 3}},
                           std::as_bytes(std::span(payload))) == outputs_verdict::taken);
    }
    CHECK(dev.waiting() > 0);
    dispatch->abandon();
    dispatch.reset();
    dev.run();
  }
  CHECK(dev.peek(outputs.as<float>(), 4 * hidden) == std::vector<float>(4 * hidden, 2.5F));
}

TEST_CASE(
    "rows reach experts elsewhere and outputs come back without a host's hand on the device") {
  const auto files = open_model(reference() / "models/tiny-qwen3-moe");
  generator random(31);
  for (const expert_row_form form : {expert_row_form::exact, expert_row_form::fp8}) {
    for (const std::uint32_t shards : {1U, 3U}) {
      guarded_cluster cluster(*files, shards, form);
      for (const std::uint32_t rows : {1U, 5U, 19U}) {
        const auto tokens = random_tokens(files->config(), rows, random);
        const std::vector<float> expected = computed_here(*files, form, tokens);
        CAPTURE(rows);
        CAPTURE(shards);
        if (shards > 1) CHECK(same_bits(cluster.step(tokens, false, false, random), expected));
        if (shards > 1) CHECK(same_bits(cluster.step(tokens, true, false, random), expected));
        CHECK(same_bits(cluster.step(tokens, shards > 1 && rows == 5, true, random), expected));
      }
    }
  }
}

}  // namespace troupe::test
