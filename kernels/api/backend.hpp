#pragma once

#include <string>

#include "kernels/api/attention.hpp"
#include "kernels/api/copy.hpp"
#include "kernels/api/embed.hpp"
#include "kernels/api/experts.hpp"
#include "kernels/api/f8_rows.hpp"
#include "kernels/api/linear.hpp"
#include "kernels/api/norm.hpp"
#include "kernels/api/pack.hpp"
#include "kernels/api/sample.hpp"
#include "kernels/api/status.hpp"
#include "kernels/api/stream.hpp"

namespace troupe::kernels {

/// Every operation of a model's forward pass, for one kind of device, chosen once at start.
///
/// Each call submits work to `s` and returns; the work runs later, in order. Parameter structures
/// are copied at the call; the memory they point to must stay valid until the stream has passed the
/// work. Contract 1 of the design holds for each: a row's result depends on that row alone.
class backend {
 public:
  backend() = default;
  backend(const backend&) = delete;
  backend& operator=(const backend&) = delete;
  virtual ~backend() = default;

  /// The instruction set or device architecture in use, for example "AVX3_DL".
  [[nodiscard]] virtual std::string target() const = 0;

  /// Whether products read integer activations; where not, all activations are float32.
  [[nodiscard]] virtual bool reads_integers() const = 0;
  /// Whether where rows stand (row_placement) is read at the call already, by the host.
  [[nodiscard]] virtual bool reads_at_call() const = 0;
  /// Bytes that `w` takes once packed; 0 where this device reads file order just as well.
  [[nodiscard]] virtual std::size_t packed_bytes(const matrix& w) const = 0;
  virtual status pack(stream& s, const pack_params& p) = 0;

  virtual status copy(stream& s, const copy_params& p) = 0;
  virtual status embed(stream& s, const embed_params& p) = 0;
  virtual status gather_rows(stream& s, const gather_rows_params& p) = 0;
  virtual status encode_rows(stream& s, const encode_rows_params& p) = 0;
  virtual status decode_rows(stream& s, const decode_rows_params& p) = 0;
  virtual status rms_norm(stream& s, const rms_norm_params& p) = 0;
  virtual status linear(stream& s, const linear_params& p) = 0;
  virtual status projections(stream& s, const projections_params& p) = 0;
  virtual status rope_table(stream& s, const rope_table_params& p) = 0;
  virtual status rope_and_store(stream& s, const rope_and_store_params& p) = 0;
  virtual status attention(stream& s, const attention_params& p) = 0;
  virtual status route(stream& s, const route_params& p) = 0;
  virtual status group(stream& s, const group_params& p) = 0;
  virtual status expert_up(stream& s, const expert_up_params& p) = 0;
  virtual status expert_down(stream& s, const expert_down_params& p) = 0;
  virtual status combine(stream& s, const combine_params& p) = 0;
  virtual status sample(stream& s, const sample_params& p) = 0;
  virtual status score(stream& s, const score_params& p) = 0;
};

}  // namespace troupe::kernels
