#pragma once

#include <ucp/api/ucp.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <span>
#include <vector>

#include "runtime/transport/transport.hpp"
#include "runtime/transport/ucx/settings.hpp"

namespace troupe::ucx {

struct context_cleaner {
  void operator()(ucp_context_h c) const { ucp_cleanup(c); }
};
struct worker_destroyer {
  void operator()(ucp_worker_h w) const { ucp_worker_destroy(w); }
};
/// Closes by force: what was on its way is cancelled, and the peer notices. Not within a callback.
struct endpoint_closer {
  std::size_t* pending = nullptr;
  void operator()(ucp_ep_h ep) const;
};
using endpoint = std::unique_ptr<ucp_ep, endpoint_closer>;

/// A message as UCX hands it over; all of it is gone after the callback.
struct arrival {
  std::span<const std::byte> head;
  std::span<const std::byte> data;  ///< empty where it is still at the sender
  std::size_t bytes = 0;            ///< of the data, wherever it is
  void* deferred = nullptr;         ///< for receive(), if the data is still at the sender
};

/// What a message is sent from; kept until it has left.
struct parcel {
  std::vector<std::byte> head;
  std::vector<payload_part> parts;
  std::vector<std::byte> tail;  ///< goes behind the parts
};

/// UCX's context and worker behind C++ types. One thread makes it, uses it and destroys it. Its
/// callbacks come from within progress() and must not close endpoints.
///
/// Peers reach each other by the addresses of their workers, each by an endpoint of its own, rather
/// than by listening and accepting: what listens in UCX 1.13 ends its process when somebody says
/// there what is not UCX's.
class port {
 public:
  struct callbacks {
    std::function<void(const arrival&)> on_message;
    std::function<void(const void* endpoint, ucs_status_t)> on_broken;
  };

  /// Can be reached at the settings' address.
  [[nodiscard]] static result<std::unique_ptr<port>> open(const ucx_settings& settings,
                                                          callbacks calls);
  port(const port&) = delete;
  port& operator=(const port&) = delete;
  /// Every endpoint must be closed. Waits, for a bounded time, for what was cancelled.
  ~port();

  /// What others pass to dial().
  [[nodiscard]] const std::vector<std::byte>& address() const { return address_; }
  [[nodiscard]] std::size_t most_head_bytes() const { return most_head_bytes_; }
  /// Whether what is sent may lie in a GPU's memory: this UCX knows such memory, and messages are
  /// not cut up by the host.
  [[nodiscard]] bool reads_device_memory() const { return reads_device_memory_; }

  /// An endpoint for the port that has the address; corrupt if it is none.
  [[nodiscard]] result<endpoint> dial(std::span<const std::byte> address);

  /// The most that head and data of a message have together where UCX is to make no requests for
  /// them, and messages go by try_send(); zero: they go by send(), whole.
  [[nodiscard]] std::size_t most_piece_bytes() const { return most_piece_bytes_; }
  /// Sends at once, by copying; false if there is no room for now.
  [[nodiscard]] result<bool> try_send(const endpoint& to, std::span<const std::byte> head,
                                      std::span<const std::byte> data);
  [[nodiscard]] result<void> send(const endpoint& to, parcel p);
  /// Within on_message: fetches deferred data into memory that `done` keeps alive. `done` is called
  /// once, from here or from progress(), with whether all of it is there.
  void receive(const arrival& a, std::byte* into, std::function<void(bool)> done);

  /// Does what there is to do; false if there was nothing.
  [[nodiscard]] bool progress() { return ucp_worker_progress(worker_.get()) != 0; }
  /// Waits until UCX or `bell` has something, or the time is over. Returns at once if UCX has
  /// something already.
  void wait(int bell, std::chrono::milliseconds most);

 private:
  struct receiving {
    std::function<void(bool)> done;
    port* owner = nullptr;
    std::list<receiving>::iterator self;
  };
  struct sending {
    parcel contents;
    std::vector<ucp_dt_iov_t> pieces;
    port* owner = nullptr;
    std::list<sending>::iterator self;
  };

  port(const ucx_settings& settings, callbacks calls)
      : settings_(settings), callbacks_(std::move(calls)) {}
  [[nodiscard]] result<void> open_context();
  [[nodiscard]] result<void> open_worker();
  [[nodiscard]] result<void> read_address();

  static ucs_status_t on_am(void* self, const void* head, std::size_t head_bytes, void* data,
                            std::size_t bytes, const ucp_am_recv_param_t* param);
  static void on_sent(void* request, ucs_status_t status, void* op);
  static void on_received(void* request, ucs_status_t status, std::size_t bytes, void* op);

  ucx_settings settings_;
  callbacks callbacks_;
  std::vector<std::byte> address_;
  bool reads_device_memory_ = false;
  std::size_t most_head_bytes_ = 0;
  std::size_t most_piece_bytes_ = 0;
  int event_descriptor_ = -1;
  std::size_t closing_ = 0;
  ucs_status_t receive_answer_ = UCS_OK;  ///< what on_am returns for the message being handled
  // Buffers live until UCX has let go of them, which it does at the latest with the worker.
  std::list<sending> sends_;
  std::list<receiving> receives_;
  std::unique_ptr<ucp_context, context_cleaner> context_;
  std::unique_ptr<ucp_worker, worker_destroyer> worker_;
};

}  // namespace troupe::ucx
