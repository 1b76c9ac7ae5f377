#include "actors/cluster/member_process.hpp"

#include <unistd.h>

#include <caf/io/all.hpp>
#include <caf/openssl/all.hpp>
#include <set>
#include <string>
#include <thread>
#include <utility>

#include "actors/cluster/join_address.hpp"
#include "runtime/transport/ucx/ucx_transport.hpp"
#include "runtime/wire/frames.hpp"
#include "runtime/wire/traffic.hpp"

namespace troupe {
namespace {

constexpr std::chrono::milliseconds knock_limit{1'000};
constexpr std::chrono::seconds connect_limit{2};

/// Who opens connections.
caf::io::middleman_actor dialler(caf::actor_system& system) {
  return system.has_openssl_manager() ? system.openssl_manager().actor_handle()
                                      : system.middleman().actor_handle();
}

/// Room for a payload in memory that the device copies from by itself; none where there is none
/// left of it.
payload_room lend(device& dev, std::size_t bytes) {
  try {
    auto memory = std::make_shared<device_buffer>(dev.allocate_shared(bytes));
    std::byte* const at = memory->data();
    return {at, std::move(memory)};
  } catch (const std::bad_alloc&) {
    return {};
  }
}

std::set<std::string> desk_interface(caf::actor_system& system) {
  return system.message_types(caf::detail::type_list<join_desk_actor>());
}

}  // namespace

std::string host_name() {
  char name[65] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "host";
}

result<std::shared_ptr<data_port>> open_data_port(const std::string& host, const data_plane& plane,
                                                  std::shared_ptr<device> dev) {
  ucx_settings settings;
  settings.host = host;
  settings.transports = plane.transports;
  settings.devices = plane.devices;
  if (dev != nullptr && dev->has_own_memory())
    settings.payload_memory = [dev = std::move(dev)](std::size_t bytes) {
      return lend(*dev, bytes);
    };
  settings.keepalive_interval = std::chrono::milliseconds(0);
  auto net = open_ucx_transport(draw_peer_id(), settings);
  if (!net) return fail(net.error());
  return std::make_shared<data_port>(std::move(*net));
}

result<std::shared_ptr<data_port>> open_data_port_towards(const std::string& join,
                                                          const data_plane& plane,
                                                          std::shared_ptr<device> dev) {
  const auto at = parse_join_address(join);
  if (!at) return fail(at.error());
  const auto local = local_address_towards(*at);
  if (!local) return fail(local.error());
  return open_data_port(*local, plane, std::move(dev));
}

std::vector<std::uint8_t> data_address_of(const data_port& port) {
  return introduce({port.self(), port.address(), 0}).address;
}

void send_ping(data_port& port, peer_id to) {
  byte_writer header;
  put_preamble(header, 0);
  (void)port.send(to, {frames::ping, header.take(), {}});
}

void send_traffic(data_port& port, peer_id to, std::uint64_t number) {
  (void)port.send(to, {frames::traffic, encode_traffic({number, port.sent()}), {}});
}

result<join_desk_actor> find_desk(caf::actor_system& system, const std::string& join) {
  const auto at = parse_join_address(join);
  if (!at) return fail(at.error());
  // What opens connections there would wait for a host that is silent for minutes. Where TLS is
  // spoken, a connection that ends without it disturbs the others there.
  const door heard = system.has_openssl_manager() ? door::open : knock(*at, knock_limit);
  if (heard != door::open) {
    return fail(errc::unavailable, "no supervisor answers at {}: {}", join,
                heard == door::refused ? "nobody listens there" : "the host is silent");
  }
  // As middleman::remote_actor() does, but for waiting for ever where a process is frozen.
  result<join_desk_actor> desk = fail(errc::internal, "no answer");
  caf::scoped_actor self{system};
  self->request(dialler(system), connect_limit, caf::connect_atom::value, at->host, at->port)
      .receive(
          [&](const caf::node_id&, const caf::strong_actor_ptr& found,
              const std::set<std::string>& interface) {
            if (found == nullptr || !system.assignable(interface, desk_interface(system)))
              desk =
                  fail(errc::unavailable, "no supervisor answers at {}: somebody else does", join);
            else
              desk = caf::actor_cast<join_desk_actor>(found);
          },
          [&](const caf::error& e) {
            desk =
                fail(errc::unavailable, "no supervisor answers at {}: {}", join, caf::to_string(e));
          });
  return desk;
}

result<std::uint16_t> open_desk(caf::actor_system& system, const join_desk_actor& desk,
                                const std::string& host, std::uint16_t port) {
  // A head that starts again takes its port while connections of its former life time out.
  constexpr bool reuse = true;
  const auto opened = system.has_openssl_manager()
                          ? caf::openssl::publish(desk, port, host.c_str(), reuse)
                          : system.middleman().publish(desk, port, host.c_str(), reuse);
  if (opened) return *opened;
  return fail(errc::address_in_use, "nodes cannot join at {}:{}: {}", host, port,
              caf::to_string(opened.error()));
}

bool await_actors(caf::actor_system& system, std::chrono::steady_clock::duration limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (system.registry().running() > 0 && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  system.await_actors_before_shutdown(false);
  return system.registry().running() == 0;
}

}  // namespace troupe
