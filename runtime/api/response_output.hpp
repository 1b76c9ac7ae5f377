#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/api/answer_format.hpp"

namespace troupe {

/// Turns the parts of an answer into a response's output items, and tells the events on the way: an
/// item is added, grows and is done before the next one is added. What an item is follows from the
/// order of the answer's text alone.
class response_output {
 public:
  /// Takes an event without its sequence number.
  using teller = std::function<void(std::string_view type, boost::json::object event)>;

  response_output(std::string id, bool scores, std::shared_ptr<const tokenizer> vocabulary,
                  teller tell);

  void add(const answer_part& part);
  /// Ends the item that is open; `whole`: the answer has come to its end by itself.
  void close(bool whole);
  [[nodiscard]] const boost::json::array& items() const { return items_; }

 private:
  enum class kind : std::uint8_t { none, reasoning, message, call };

  void open(kind k);
  void open_call(const call_part& part);
  void grow(kind k, const std::string& text, const answer_part& part);
  void tell(std::string_view type, boost::json::object event);
  [[nodiscard]] boost::json::object part_of(const std::string& text) const;
  [[nodiscard]] boost::json::object item(std::string_view status) const;

  const std::string id_;
  const bool scores_wanted_;
  const std::shared_ptr<const tokenizer> vocabulary_;
  const teller tell_;
  kind kind_ = kind::none;
  std::string item_id_;
  std::string text_;  ///< of the open item
  std::string name_;  ///< of the open call
  std::uint32_t call_ = 0;
  boost::json::array scores_;
  boost::json::array items_;
};

}  // namespace troupe
