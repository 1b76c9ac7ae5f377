#pragma once

#include <caf/all.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "actors/cluster/control.hpp"
#include "actors/cluster/data_port.hpp"
#include "runtime/base/result.hpp"
#include "runtime/config/data_plane.hpp"
#include "runtime/device/device.hpp"

/// What every process of a cluster does in the same way, whatever it is there for.
namespace troupe {

/// This machine's name; "host" where it has none.
[[nodiscard]] std::string host_name();

/// This process's end of the data plane, under a peer id of its own, at an address of this machine.
/// Heartbeats detect failures, so connections are not kept alive by the transport.
[[nodiscard]] result<std::shared_ptr<data_port>> open_data_port(
    const std::string& host, const data_plane& plane, std::shared_ptr<device> dev = nullptr);
/// The same, at the address that a supervisor there sees this machine at.
[[nodiscard]] result<std::shared_ptr<data_port>> open_data_port_towards(
    const std::string& join, const data_plane& plane, std::shared_ptr<device> dev = nullptr);
/// As a hello says it.
[[nodiscard]] std::vector<std::uint8_t> data_address_of(const data_port& port);

/// Tells a peer that this process lives.
void send_ping(data_port& port, peer_id to);
/// Tells a peer what this process has sent so far; `number` is that of the report.
void send_traffic(data_port& port, peer_id to, std::uint64_t number);

/// Lets others find the desk at an address of this machine; port 0: a free one. With TLS where this
/// process has it. Gives the port; address_in_use: it cannot be had.
[[nodiscard]] result<std::uint16_t> open_desk(caf::actor_system& system,
                                              const join_desk_actor& desk, const std::string& host,
                                              std::uint16_t port);

/// Where to join at "host:port"; unavailable: nobody answers, or not soon.
[[nodiscard]] result<join_desk_actor> find_desk(caf::actor_system& system, const std::string& join);

/// Waits until every actor that was told to end has, for at most `limit`. False: some have not;
/// the system then goes without waiting for them.
bool await_actors(caf::actor_system& system, std::chrono::steady_clock::duration limit);

}  // namespace troupe
