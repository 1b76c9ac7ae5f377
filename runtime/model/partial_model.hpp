#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "runtime/model/model_files.hpp"

namespace troupe {

/// Opens files of which matrices may be lacking, as model_files::open() does but for the identity:
/// it samples matrices and is taken from the caller, who has checked by other means that what is
/// there is that model's. A matrix that is lacking reads as zeros until it has come.
[[nodiscard]] result<std::unique_ptr<model_files>> open_partial(const std::filesystem::path& path,
                                                                const std::string& identity);

}  // namespace troupe
