#pragma once

#include "runtime/template/ast.hpp"

namespace troupe::jinja {

/// Finds out, for every scope of a template, which names Jinja starts as unset there: those whose
/// first mention in the scope assigns them, outside of any branch, when no scope around mentions
/// them. Such a name hides a variable of the input from what runs before the assignment.
void find_unset_names(scoped_block& root);

}  // namespace troupe::jinja
