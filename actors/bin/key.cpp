#include <fmt/format.h>

#include <boost/json/serialize.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "actors/bin/commands.hpp"
#include "actors/bin/key_report.hpp"
#include "actors/bin/key_words.hpp"
#include "runtime/keys/key_store.hpp"

namespace troupe::cli {
namespace {

struct key_options {
  std::string file;
  std::string name;
  key_scope scope;
  limit_words limits;
  std::string lifetime;
  bool json = false;
};

std::int64_t unix_now() {
  using namespace std::chrono;
  return duration_cast<seconds>(system_clock::now().time_since_epoch()).count();
}

result<key_store> open_existing(const key_options& options) {
  return key_store::open(options.file, key_store::missing_file::refuse);
}

result<void> create(const key_options& options) {
  const std::int64_t now = unix_now();
  key_request wanted;
  wanted.name = options.name;
  wanted.scope = options.scope;
  const auto limits = with_limits({}, options.limits);
  if (!limits) return fail(limits.error());
  wanted.limits = *limits;
  if (!options.lifetime.empty()) {
    const auto lifetime = parse_lifetime(options.lifetime);
    if (!lifetime) return fail(lifetime.error().within("--expires-in"));
    wanted.expires = now + *lifetime;
  }
  auto store = key_store::open(options.file, key_store::missing_file::create);
  if (!store) return fail(store.error());
  const auto key = store->create(wanted, now);
  if (!key) return fail(key.error());
  // The key alone on standard output, for scripts.
  fmt::print(stderr, "This is the key of {}. It is shown this once; only its hash is kept.\n",
             options.name);
  fmt::print("{}\n", key->text());
  return {};
}

result<void> list(const key_options& options) {
  auto store = open_existing(options);
  if (!store) return fail(store.error());
  const auto keys = store->list();
  if (!keys) return fail(keys.error());
  if (options.json)
    fmt::print("{}\n", boost::json::serialize(to_json(*keys, unix_now())));
  else
    fmt::print("{}", to_text(*keys, unix_now()));
  return {};
}

result<void> revoke(const key_options& options) {
  auto store = open_existing(options);
  if (!store) return fail(store.error());
  if (auto done = store->revoke(options.name, unix_now()); !done) return done;
  fmt::print("The key of {} is revoked; servers refuse it within a second\n", options.name);
  return {};
}

result<void> limit(const key_options& options) {
  if (options.limits.empty())
    return fail(errc::invalid_argument,
                "which limit? Give --rpm, --tpm, --budget, --budget-money or --priority");
  auto store = open_existing(options);
  if (!store) return fail(store.error());
  const auto before = store->find(options.name);
  if (!before) return fail(before.error());
  const auto limits = with_limits(before->limits, options.limits);
  if (!limits) return fail(limits.error());
  if (auto done = store->set_limits(options.name, *limits); !done) return done;
  const auto after = store->find(options.name);
  if (!after) return fail(after.error());
  fmt::print("{}", to_text(std::span(&*after, 1), unix_now()));
  return {};
}

void add_limits(CLI::App& command, limit_words& words) {
  command.add_option("--rpm", words.requests_per_minute, "Requests a minute, or \"none\"")
      ->type_name("N");
  command.add_option("--tpm", words.tokens_per_minute, "Tokens a minute, or \"none\"")
      ->type_name("N");
  command.add_option("--budget", words.token_budget, "Tokens in all, or \"none\"")->type_name("N");
  command
      .add_option("--budget-money", words.money,
                  "Money in all, a day or a month of UTC, exact, in the currency of the server's "
                  "prices: 12.50, 5/day, 100/month, or \"none\"")
      ->type_name("AMOUNT");
  command
      .add_option("--priority", words.priority,
                  "high, normal or low: whose requests go first where there are too many")
      ->type_name("WORD");
}

}  // namespace

void add_key(CLI::App& app, action& chosen) {
  const auto options = std::make_shared<key_options>();
  CLI::App* key = app.add_subcommand("key", "Create, list, revoke and limit the keys of clients");
  key->require_subcommand(1);
  key->footer(
      "Example:\n  troupe key create alice --keys keys.db --rpm 600 --tpm 1000000\n"
      "  troupe serve --keys keys.db");
  const auto add = [&](const char* name, const char* help, result<void> (*run)(const key_options&),
                       bool named) {
    CLI::App* command = key->add_subcommand(name, help);
    if (named)
      command->add_option("NAME", options->name, "Whose key it is")->required()->type_name("NAME");
    command->add_option("--keys", options->file, "The file of keys")->required()->type_name("FILE");
    command->callback(
        [options, &chosen, run] { chosen = [options, run] { return run(*options); }; });
    return command;
  };

  CLI::App* making = add("create", "Make a key and show it, this once", create, true);
  making->add_option("--models", options->scope.models, "Models it may use; default: all")
      ->delimiter(',')
      ->type_name("NAME,...");
  making
      ->add_option(
          "--endpoints", options->scope.endpoints,
          "chat, completions, responses, batches, tokens, models, admin (metrics and the cluster); "
          "default: "
          "all but admin")
      ->delimiter(',')
      ->type_name("NAME,...");
  making
      ->add_option("--expires-in", options->lifetime,
                   "From now: 90s, 15m, 12h, 30d; default: never")
      ->type_name("TIME");
  add_limits(*making, options->limits);

  add("list", "Show all keys, but for themselves", list, false)
      ->add_flag("--json", options->json, "Print JSON");
  add("revoke", "Refuse a key from now on", revoke, true);
  add_limits(*add("limit", "Change what a key may use", limit, true), options->limits);
}

}  // namespace troupe::cli
