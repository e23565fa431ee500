// Who listens, out of the kernel's own tables.
#include "incoming/listeners.hpp"

#include "catch.hpp"

using namespace inpod::agent;
using Ports = std::vector<std::uint16_t>;

TEST_CASE("listening ports, with those of loopback alone apart") {
  inpod::protocol::Listeners found;
  add_listeners(
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
      "   0: 0100007F:3A98 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 "
      "0 0 10 0\n"
      "   1: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2 1 0 100 "
      "0 0 10 0\n"
      "   2: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 3 1 0 100 "
      "0 0 10 0\n"
      "   3: 0200000A:1F90 0300000A:C000 01 00000000:00000000 00:00000000 00000000     0        0 4 1 0 100 "
      "0 0 10 0\n"
      "nonsense\n   4: 00000000 00000000:0000 0A\n   5: 00000000:XYZ 00000000:0000 0A\n",
      found);
  add_listeners(
      "  sl  local_address                         remote_address                        st\n"
      "   0: 00000000000000000000000000000000:01BB 00000000000000000000000000000000:0000 0A 0\n"
      "   1: 00000000000000000000000001000000:2328 00000000000000000000000000000000:0000 0A 0\n"
      "   2: 0000000000000000FFFF00000100007F:2329 00000000000000000000000000000000:0000 0A 0\n"
      "   3: 0000000000000000FFFF00000200000A:1F91 00000000000000000000000000000000:0000 0A 0\n",
      found);
  finish(found);
  CHECK(found.ports == Ports{80, 443, 8081});
  CHECK(found.loopback == Ports{9000, 9001, 15000});
}
