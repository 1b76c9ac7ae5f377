// A process with a transport for the tests of processes that die and freeze: it sends every frame
// back.  peer_process ID PARENT PARENT_ADDRESS NONCE TRANSPORTS VERSION
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/runtime/transport/ucx/hex.hpp"
#include "tests/runtime/transport/ucx/ucx_family.hpp"

int main(int argc, char** argv) {
  using namespace troupe;
  if (argc != 7) return 2;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const peer_id self = std::stoull(argv[1]);
  const peer_address parent{std::stoull(argv[2]), test::from_hex(argv[3]), std::stoull(argv[4])};
  ucx_settings settings = test::patient_settings(argv[5]);
  settings.wire_version = static_cast<std::uint16_t>(std::stoul(argv[6]));
  auto opened = open_ucx_transport(self, settings);
  if (!opened) {
    std::fprintf(stderr, "%s\n", opened.error().message().c_str());
    return 1;
  }
  transport& t = **opened;
  std::atomic<bool> lost = false;
  t.start(
      [&t](incoming_frame&& frame) {
        outgoing_frame back{frame.kind, std::move(frame.header), {{frame.payload, frame.owner}}};
        (void)t.send(frame.from, std::move(back));
      },
      [&lost](peer_id, const error&) {
        lost.store(true);
        lost.notify_all();
      });
  if (!t.connect(parent)) return 1;
  std::printf("%s\n", test::to_hex(t.address()).c_str());
  std::fflush(stdout);
  lost.wait(false);
  std::printf("lost\n");
  std::fflush(stdout);
  // Until the test ends it.
  while (true) pause();
}
