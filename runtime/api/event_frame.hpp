#pragma once

#include <string>
#include <string_view>

namespace troupe {

/// The same JSON on what every reader takes for one line: U+0085, U+2028 and U+2029 are escaped.
/// Neither JSON lines nor server-sent events end a line there, but Python's str.splitlines does,
/// and with it httpx's iter_lines and many a script.
[[nodiscard]] std::string in_one_line(std::string_view json);

/// A server-sent event that carries `json`; with `name`, as an event of that type.
/// https://html.spec.whatwg.org/multipage/server-sent-events.html
[[nodiscard]] std::string event_frame(std::string_view json, std::string_view name = {});

}  // namespace troupe
