#include "runtime/formats/tokenizer_json.hpp"

#include <utility>

#include "runtime/formats/json_reader.hpp"
#include "runtime/formats/tokenizer_json_parts.hpp"

namespace troupe {

result<tokenizer_spec> read_tokenizer_json(const boost::json::value& file) {
  const boost::json::object* const object = file.if_object();
  if (object == nullptr) return fail(errc::corrupt, "tokenizer.json: not a JSON object");
  tokenizer_spec out;
  for (const auto read : {read_bpe_model, read_added_tokens, read_splitting, read_processing}) {
    if (auto done = read(*object, out); !done) return fail(done.error().within("tokenizer.json"));
  }
  return out;
}

}  // namespace troupe
