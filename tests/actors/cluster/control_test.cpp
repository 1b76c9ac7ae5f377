#include "actors/cluster/control.hpp"

#include <doctest/doctest.h>

namespace troupe::test {

TEST_CASE("a welcome's one number says how activations and experts' rows are") {
  for (const auto mode :
       {activation_mode::automatic, activation_mode::f32, activation_mode::integer}) {
    for (const auto form : {expert_row_form::exact, expert_row_form::fp8}) {
      engine_config told;
      told.activations = mode;
      told.expert_rows = form;
      engine_config heard;
      heard.expert_rows = expert_row_form::fp8;
      take_arithmetic(heard, arithmetic_of(told));
      CHECK(heard.activations == mode);
      CHECK(heard.expert_rows == form);
      // As long as rows are exact, what older nodes are told.
      if (form == expert_row_form::exact)
        CHECK(arithmetic_of(told) == static_cast<std::uint32_t>(mode));
    }
  }
}

}  // namespace troupe::test
