#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/api/api_error.hpp"
#include "runtime/base/token.hpp"

namespace troupe {

/// What a number may be: [least, most], or (least, most].
struct number_range {
  double least = 0;
  double most = 0;
  bool above_least = false;
};

/// Reads the parameters of a request object one by one. The first that is wrong is kept as the
/// error and everything after it is passed over; an absent or null one leaves its target as it is.
class request_reader {
 public:
  /// `object` outlives the reader.
  explicit request_reader(const boost::json::object& object) : object_(object) {}

  void boolean(std::string_view key, bool& out);
  void number(std::string_view key, number_range range, float& out);
  void integer(std::string_view key, std::int64_t least, std::int64_t most, std::int64_t& out);
  void integer(std::string_view key, std::int64_t least, std::int64_t most, std::uint32_t& out);
  void integer(std::string_view key, std::int64_t least, std::int64_t most,
               std::optional<std::uint32_t>& out);
  void string(std::string_view key, std::string& out);

  /// The value of a parameter whose checks are the caller's; null where it is absent or null, or
  /// after an error.
  [[nodiscard]] const boost::json::value* value(std::string_view key);
  /// Parameters that change nothing here: any value will do.
  void accept(std::initializer_list<std::string_view> keys);
  /// A known parameter that this server cannot honour: refused unless absent, null, false, or an
  /// empty list.
  void unsupported(std::string_view key, std::string_view reason);

  /// Keeps the error, if it is the first.
  void refuse_with(api_error e);
  [[nodiscard]] bool failed() const { return error_.has_value(); }
  /// The parameters asked for so far, but not those that are unsupported.
  [[nodiscard]] std::vector<std::string> accepted() const;
  /// Refuses a parameter that looks like a slip for a known one, and names that one; other unknown
  /// parameters are left out. Then tells the error.
  [[nodiscard]] std::optional<api_error> finish();

 private:
  const boost::json::object& object_;
  std::vector<std::string_view> known_;
  std::vector<std::string_view> unsupported_;
  std::optional<api_error> error_;
};

/// An integer, also when written as 1.0 or 1e3.
[[nodiscard]] std::optional<std::int64_t> as_integer(const boost::json::value& v);
/// A list of token ids below `vocab`; `what` names it in the refusal.
[[nodiscard]] api_result<std::vector<token_id>> read_tokens(const boost::json::array& list,
                                                            std::uint32_t vocab,
                                                            std::string_view what);

}  // namespace troupe
