#include "runtime/billing/price_book.hpp"

#include <algorithm>
#include <deque>
#include <optional>

#include "runtime/config/toml.hpp"

namespace troupe {
namespace {

constexpr std::string_view every_model = "*";
constexpr std::size_t most_tiers = 4096;

/// A tier as the file has it.
struct tier_entry {
  std::string model{every_model};
  std::uint64_t up_to_tokens = price_tier::unlimited;
  std::optional<token_price> input;
  std::optional<token_price> output;
};

/// What the file says, before it is known to fit together.
struct price_file {
  std::string currency;
  price_rules rules;
  std::deque<tier_entry> tiers;  ///< a deque: the keys hold on to entries
};

void describe_price(config_schema& schema, const std::string& name,
                    std::optional<token_price>& price, const std::string& help) {
  schema.value(
      name, help, [&price] { return config_value(price ? price->text() : std::string()); },
      [&price](const config_value& value) -> result<void> {
        const auto* number = std::get_if<std::int64_t>(&value);
        const auto* text = std::get_if<std::string>(&value);
        if (number == nullptr && text == nullptr)
          return fail(errc::invalid_argument, "must be a price such as \"1.20\"");
        const auto read = token_price::parse(number != nullptr ? std::to_string(*number) : *text);
        if (!read) return fail(read.error());
        price = *read;
        return {};
      });
}

void describe(config_schema& schema, price_file& file) {
  schema.begin_table("prices", "What all prices have in common.");
  schema.text("currency", file.currency, 16, "The currency, such as \"USD\".");
  const auto percent = [&](const char* name, std::uint32_t& variable, const char* help) {
    schema.integer(name, variable, 0, 1000, help);
  };
  price_rules& rules = file.rules;
  percent("implicit_hit_percent", rules.implicit_hit_percent,
          "Input found in the cache unasked, in percent of the input's price.");
  percent("explicit_hit_percent", rules.explicit_hit_percent,
          "Input found where a request had it kept.");
  percent("explicit_creation_percent", rules.explicit_creation_percent,
          "Input that a request has the cache keep.");
  percent("batch_percent", rules.batch_percent,
          "Batches, in percent of all prices; the cache makes no difference to them.");
  schema.list("tier", most_tiers, [&file](config_schema& item) {
    tier_entry& entry = file.tiers.emplace_back();
    item.text("model", entry.model, 256, "The model; \"*\": each that has no tiers of its own.");
    item.integer("up_to_tokens", entry.up_to_tokens, 1,
                 static_cast<std::int64_t>(price_tier::unlimited),
                 "Longest input of the tier; without it there is no limit.");
    describe_price(item, "input", entry.input, "A million input tokens.");
    describe_price(item, "output", entry.output, "A million output tokens.");
  });
}

bool is_currency(std::string_view name) {
  const auto plain = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); };
  return !name.empty() && std::all_of(name.begin(), name.end(), plain);
}

}  // namespace

result<price_book> price_book::read(std::string_view text, std::string_view file) {
  price_file said;
  config_schema schema;
  describe(schema, said);
  if (auto done = read_toml(schema, text, file); !done) return fail(done.error());
  if (!is_currency(said.currency))
    return fail(errc::invalid_argument,
                "{}: prices.currency must be capital letters, such as \"USD\"", file);
  if (said.tiers.empty())
    return fail(errc::invalid_argument, "{}: no prices; write them below [[tier]]", file);
  price_book book;
  for (const tier_entry& entry : said.tiers) {
    if (!entry.input || !entry.output)
      return fail(errc::invalid_argument,
                  "{}: a tier of model '{}' lacks the price of its {}; 0 is free", file,
                  entry.model, entry.input ? "output" : "input");
    price_table& table = book.tables_[entry.model];
    table.currency = said.currency;
    table.rules = said.rules;
    if (!table.tiers.empty() && entry.up_to_tokens <= table.tiers.back().up_to_tokens)
      return fail(errc::invalid_argument,
                  "{}: the tiers of model '{}' must ascend: up_to_tokens {} comes after {}", file,
                  entry.model, entry.up_to_tokens, table.tiers.back().up_to_tokens);
    table.tiers.push_back({entry.up_to_tokens, *entry.input, *entry.output});
  }
  return book;
}

result<price_book> price_book::read_file(const std::filesystem::path& path) {
  const auto text = read_config_file(path);
  if (!text) return fail(text.error());
  return read(*text, path.string());
}

result<price_table> price_book::table_for(std::string_view model) const {
  auto found = tables_.find(model);
  if (found == tables_.end()) found = tables_.find(every_model);
  if (found == tables_.end())
    return fail(errc::not_found, "there is no price for model '{}'", model);
  return found->second;
}

}  // namespace troupe
