#include "runtime/transport/ucx/port.hpp"

#include <poll.h>

#include <algorithm>
#include <array>
#include <thread>
#include <utility>

#include "runtime/transport/ucx/interface_of.hpp"
#include "runtime/transport/ucx/process_wide.hpp"
#include "runtime/transport/ucx/sealed_address.hpp"

namespace troupe::ucx {
namespace {

constexpr unsigned am_id = 1;
/// How long what was cancelled may take to come back when a port closes.
constexpr std::chrono::seconds closing_deadline{2};
/// UCX 1.13 ends its process where a peer is gone before it could be told the name of its endpoint
/// (an assertion in ucp_request_send_state_ff). It names endpoints for every message but those that
/// are copied out at once, so over TCP nothing else is sent: head and data of a segment, less what
/// UCX itself writes there.
constexpr std::size_t segment_bytes = std::size_t{64} << 10;
constexpr std::size_t most_piece = segment_bytes - 1024;

tl::unexpected<error> failed(const char* what, ucs_status_t status) {
  const errc code = status == UCS_ERR_BUSY        ? errc::address_in_use
                    : status == UCS_ERR_NO_MEMORY ? errc::out_of_memory
                                                  : errc::unavailable;
  return fail(code, "data plane: {}: {}", what, ucs_status_string(status));
}

struct address_releaser {
  ucp_worker_h worker = nullptr;
  void operator()(ucp_address_t* a) const { ucp_worker_release_address(worker, a); }
};
struct config_releaser {
  void operator()(ucp_config_t* c) const { ucp_config_release(c); }
};

}  // namespace

void endpoint_closer::operator()(ucp_ep_h ep) const {
  ucp_request_param_t param{};
  param.op_attr_mask =
      UCP_OP_ATTR_FIELD_FLAGS | UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA;
  param.flags = UCP_EP_CLOSE_FLAG_FORCE;
  param.user_data = pending;
  param.cb.send = [](void* request, ucs_status_t, void* count) {
    --*static_cast<std::size_t*>(count);
    ucp_request_free(request);
  };
  if (UCS_PTR_IS_PTR(ucp_ep_close_nbx(ep, &param))) ++*pending;
}

result<std::unique_ptr<port>> port::open(const ucx_settings& settings, callbacks calls) {
  std::unique_ptr<port> made(new port(settings, std::move(calls)));
  if (auto done = made->open_context(); !done) return fail(std::move(done.error()));
  if (auto done = made->open_worker(); !done) return fail(std::move(done.error()));
  if (auto done = made->read_address(); !done) return fail(std::move(done.error()));
  return made;
}

result<void> port::open_context() {
  leave_process_alone();
  std::string devices = settings_.devices;
  if (devices.empty()) {
    auto found = interface_of(settings_.host);
    if (!found) return fail(std::move(found.error()));
    devices = *found;
  }
  ucp_config_t* read = nullptr;
  if (const auto status = ucp_config_read(nullptr, nullptr, &read); status != UCS_OK)
    return failed("reading UCX's configuration", status);
  const std::unique_ptr<ucp_config_t, config_releaser> config(read);
  std::vector<std::pair<const char*, std::string>> values = {{"NET_DEVICES", devices}};
  if (!settings_.transports.empty()) values.emplace_back("TLS", settings_.transports);
  const std::vector<std::pair<const char*, std::string>> some_know = {
      // Without it UCX offers no shared memory where failures of peers are to be reported. Version
      // 1.13 knows it by the first name, later ones by the others.
      {"MM_ERROR_HANDLING", "y"},
      {"POSIX_ERROR_HANDLING", "y"},
      {"SYSV_ERROR_HANDLING", "y"},
      // A step's rows leave in one system call instead of one for each 8 KiB. Version 1.13 takes it
      // by the first name.
      {"TX_SEG_SIZE", std::to_string(segment_bytes)},
      {"TCP_TX_SEG_SIZE", std::to_string(segment_bytes)},
      // Later versions choose by what they guess of speed, not by what fits.
      {"PROTO_ENABLE", "n"}};
  if (settings_.transports == "tcp") most_piece_bytes_ = most_piece;
  // To one version an unknown name is nothing, to another an error.
  for (const auto& [name, value] : some_know)
    (void)ucp_config_modify(config.get(), name, value.c_str());
  for (const auto& [name, value] : values) {
    if (const auto status = ucp_config_modify(config.get(), name, value.c_str()); status != UCS_OK)
      return fail(errc::invalid_argument, "data plane: UCX takes no {} = '{}': {}", name, value,
                  ucs_status_string(status));
  }
  ucp_params_t params{};
  params.field_mask = UCP_PARAM_FIELD_FEATURES | UCP_PARAM_FIELD_NAME;
  params.features = UCP_FEATURE_AM | UCP_FEATURE_WAKEUP;
  params.name = "troupe";
  ucp_context_h context = nullptr;
  if (const auto status = ucp_init(&params, config.get(), &context); status != UCS_OK)
    return fail(errc::unavailable,
                "data plane: UCX has nothing for transports '{}' on devices '{}': {}; `troupe "
                "doctor` names what there is",
                settings_.transports, devices, ucs_status_string(status));
  context_.reset(context);

  ucp_context_attr_t about{};
  about.field_mask = UCP_ATTR_FIELD_MEMORY_TYPES;
  if (const auto status = ucp_context_query(context, &about); status != UCS_OK)
    return failed("UCX context", status);
  reads_device_memory_ =
      most_piece_bytes_ == 0 && (about.memory_types & UCS_BIT(UCS_MEMORY_TYPE_CUDA)) != 0;
  return {};
}

result<void> port::open_worker() {
  ucp_worker_params_t params{};
  params.field_mask = UCP_WORKER_PARAM_FIELD_THREAD_MODE | UCP_WORKER_PARAM_FIELD_FLAGS;
  params.thread_mode = UCS_THREAD_MODE_SINGLE;
  params.flags = UCP_WORKER_FLAG_IGNORE_REQUEST_LEAK;  // a peer that froze may keep some
  ucp_worker_h worker = nullptr;
  if (const auto status = ucp_worker_create(context_.get(), &params, &worker); status != UCS_OK)
    return failed("UCX worker", status);
  worker_.reset(worker);

  ucp_worker_attr_t attributes{};
  attributes.field_mask = UCP_WORKER_ATTR_FIELD_MAX_AM_HEADER;
  if (const auto status = ucp_worker_query(worker, &attributes); status != UCS_OK)
    return failed("UCX worker", status);
  most_head_bytes_ = attributes.max_am_header;
  if (const auto status = ucp_worker_get_efd(worker, &event_descriptor_); status != UCS_OK)
    return failed("UCX wake-up descriptor", status);

  ucp_am_handler_param_t handler{};
  handler.field_mask = UCP_AM_HANDLER_PARAM_FIELD_ID | UCP_AM_HANDLER_PARAM_FIELD_FLAGS |
                       UCP_AM_HANDLER_PARAM_FIELD_CB | UCP_AM_HANDLER_PARAM_FIELD_ARG;
  handler.id = am_id;
  handler.flags = UCP_AM_FLAG_WHOLE_MSG;
  handler.cb = &port::on_am;
  handler.arg = this;
  if (const auto status = ucp_worker_set_am_recv_handler(worker, &handler); status != UCS_OK)
    return failed("UCX active messages", status);
  return {};
}

result<void> port::read_address() {
  ucp_address_t* raw = nullptr;
  std::size_t size = 0;
  if (const auto status = ucp_worker_get_address(worker_.get(), &raw, &size); status != UCS_OK)
    return failed("UCX worker address", status);
  const std::unique_ptr<ucp_address_t, address_releaser> address(raw,
                                                                 address_releaser{worker_.get()});
  address_ = seal_address({reinterpret_cast<const std::byte*>(raw), size});
  return {};
}

port::~port() {
  callbacks_ = {[](const arrival&) {}, [](const void*, ucs_status_t) {}};
  const auto deadline = std::chrono::steady_clock::now() + closing_deadline;
  const auto pending = [this] { return closing_ > 0 || !sends_.empty() || !receives_.empty(); };
  while (worker_ && pending() && std::chrono::steady_clock::now() < deadline) {
    if (!progress()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

result<endpoint> port::dial(std::span<const std::byte> address) {
  const auto to = open_address(address);
  if (!to) return fail(to.error());
  ucp_ep_params_t params{};
  params.field_mask = UCP_EP_PARAM_FIELD_REMOTE_ADDRESS | UCP_EP_PARAM_FIELD_ERR_HANDLING_MODE |
                      UCP_EP_PARAM_FIELD_ERR_HANDLER;
  params.address = reinterpret_cast<const ucp_address_t*>(to->data());
  params.err_mode = UCP_ERR_HANDLING_MODE_PEER;
  params.err_handler.cb = [](void* self, ucp_ep_h ep, ucs_status_t status) {
    static_cast<port*>(self)->callbacks_.on_broken(ep, status);
  };
  params.err_handler.arg = this;
  ucp_ep_h ep = nullptr;
  if (const auto status = ucp_ep_create(worker_.get(), &params, &ep); status != UCS_OK)
    return failed("connecting", status);
  return endpoint(ep, endpoint_closer{&closing_});
}

result<bool> port::try_send(const endpoint& to, std::span<const std::byte> head,
                            std::span<const std::byte> data) {
  ucp_request_param_t param{};
  param.op_attr_mask = UCP_OP_ATTR_FLAG_FORCE_IMM_CMPL;
  const ucs_status_ptr_t sent =
      ucp_am_send_nbx(to.get(), am_id, head.data(), head.size(), data.data(), data.size(), &param);
  if (sent == nullptr) return true;
  if (UCS_PTR_STATUS(sent) == UCS_ERR_NO_RESOURCE) return false;
  return failed("sending", UCS_PTR_STATUS(sent));
}

result<void> port::send(const endpoint& to, parcel p) {
  sends_.push_front({std::move(p), {}, this, {}});
  sending& op = sends_.front();
  op.self = sends_.begin();
  std::size_t bytes = 0;
  const auto add = [&](std::span<const std::byte> piece) {
    if (piece.empty()) return;
    bytes += piece.size();
    op.pieces.push_back({const_cast<std::byte*>(piece.data()), piece.size()});
  };
  for (const payload_part& part : op.contents.parts) add(part.bytes);
  add(op.contents.tail);

  ucp_request_param_t param{};
  param.op_attr_mask = UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA |
                       UCP_OP_ATTR_FIELD_FLAGS | UCP_OP_ATTR_FIELD_DATATYPE;
  param.cb.send = &port::on_sent;
  param.user_data = &op;
  param.flags =
      bytes >= settings_.rendezvous_bytes ? UCP_AM_SEND_FLAG_RNDV : UCP_AM_SEND_FLAG_EAGER;
  const bool one = op.pieces.size() <= 1;
  param.datatype = one ? ucp_dt_make_contig(1) : ucp_dt_make_iov();
  const void* buffer = op.pieces.data();
  std::size_t count = op.pieces.size();
  if (one) {
    buffer = op.pieces.empty() ? nullptr : op.pieces[0].buffer;
    count = bytes;
  }
  const ucs_status_ptr_t request = ucp_am_send_nbx(to.get(), am_id, op.contents.head.data(),
                                                   op.contents.head.size(), buffer, count, &param);
  if (UCS_PTR_IS_PTR(request)) return {};
  sends_.erase(op.self);
  if (UCS_PTR_IS_ERR(request)) return failed("sending", UCS_PTR_STATUS(request));
  return {};
}

void port::on_sent(void* request, ucs_status_t, void* op) {
  // A failure is the endpoint's, which reports it.
  auto& sent = *static_cast<sending*>(op);
  ucp_request_free(request);
  sent.owner->sends_.erase(sent.self);
}

ucs_status_t port::on_am(void* self, const void* head, std::size_t head_bytes, void* data,
                         std::size_t bytes, const ucp_am_recv_param_t* param) {
  port& me = *static_cast<port*>(self);
  const bool deferred = (param->recv_attr & UCP_AM_RECV_ATTR_FLAG_RNDV) != 0;
  arrival a;
  a.head = {static_cast<const std::byte*>(head), head_bytes};
  a.bytes = bytes;
  if (!deferred) a.data = {static_cast<const std::byte*>(data), bytes};
  a.deferred = deferred ? data : nullptr;
  me.receive_answer_ = UCS_OK;
  me.callbacks_.on_message(a);
  return me.receive_answer_;
}

void port::receive(const arrival& a, std::byte* into, std::function<void(bool)> done) {
  receives_.push_front({std::move(done), this, {}});
  receiving& op = receives_.front();
  op.self = receives_.begin();
  ucp_request_param_t param{};
  param.op_attr_mask = UCP_OP_ATTR_FIELD_CALLBACK | UCP_OP_ATTR_FIELD_USER_DATA;
  param.cb.recv_am = &port::on_received;
  param.user_data = &op;
  const ucs_status_ptr_t request =
      ucp_am_recv_data_nbx(worker_.get(), a.deferred, into, a.bytes, &param);
  if (UCS_PTR_IS_PTR(request)) {
    receive_answer_ = UCS_INPROGRESS;
    return;
  }
  const auto finished = std::move(op.done);
  receives_.erase(op.self);
  finished(request == nullptr);
}

void port::on_received(void* request, ucs_status_t status, std::size_t, void* op) {
  auto& received = *static_cast<receiving*>(op);
  ucp_request_free(request);
  const auto finished = std::move(received.done);
  received.owner->receives_.erase(received.self);
  finished(status == UCS_OK);
}

void port::wait(int bell, std::chrono::milliseconds most) {
  if (ucp_worker_arm(worker_.get()) != UCS_OK) return;
  std::array<pollfd, 2> watched{pollfd{event_descriptor_, POLLIN, 0}, pollfd{bell, POLLIN, 0}};
  (void)::poll(watched.data(), watched.size(), static_cast<int>(most.count()));
}

}  // namespace troupe::ucx
