#pragma once

#include <vector>

#include "kernels/api/matrix.hpp"

namespace troupe::kernels::reference {

/// Row `row` of an activation as a product with `w` reads it: its integer form where there is one
/// and the weight is integer-quantised, else its float32 form.
[[nodiscard]] std::vector<float> activation_row(const activation& x, const matrix& w,
                                                std::uint32_t row);

/// x . w[n] for every row n of w.
[[nodiscard]] std::vector<float> product(const std::vector<float>& x, const matrix& w);

/// Writes `row` of an activation from `values`, in the forms that are not null.
void write_activation(const std::vector<float>& values, std::size_t row, const activation& out);

}  // namespace troupe::kernels::reference
