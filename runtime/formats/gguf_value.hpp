#pragma once

#include "runtime/formats/gguf_metadata.hpp"

namespace troupe {

/// Reads one value of the given type and moves the cursor behind it; an array is walked, so that
/// its extent is known to lie inside the file, and kept as a view. `depth` is the number of arrays
/// around it. Fails with `corrupt`.
[[nodiscard]] result<gguf_value> read_gguf_value(byte_cursor& in, gguf_type type, int depth);

}  // namespace troupe
