// Health checks are told from other connections by their first bytes, whatever pieces they come in.
#include "incoming/probe.hpp"

#include <string>

#include "catch.hpp"

using namespace inpod::agent;
using inpod::protocol::Probe;

namespace {

const std::vector<Probe> http{{"http", "/healthz", 8080}}, tcp{{"tcp", "", 8080}}, grpc{{"grpc", "", 8080}};

Opening judge(const std::string& text, const std::vector<Probe>& probes, bool from_node = false,
              bool ended = false) {
  return judge_opening({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}, ended, from_node,
                       probes);
}

/// The verdict on the text as it grows byte by byte: unknown until the last byte that matters.
Opening grow(const std::string& text, const std::vector<Probe>& probes, bool from_node = false) {
  Opening verdict = Opening::unknown;
  for (std::size_t length = 0; length <= text.size() && verdict == Opening::unknown; ++length)
    verdict = judge(text.substr(0, length), probes, from_node);
  return verdict;
}

}  // namespace

TEST_CASE("the kubelet's user agent, in any case of the header's name") {
  CHECK(grow("GET /any HTTP/1.1\r\nHost: x\r\nUser-Agent: kube-probe/1.30\r\n\r\n", http) == Opening::probe);
  CHECK(grow("GET /any HTTP/1.1\r\nuser-agent:kube-probe/1.9\r\n\r\n", http) == Opening::probe);
  CHECK(grow("GET /any HTTP/1.1\r\nUSER-AGENT: \tkube-probe/1.9\r\n\r\n", http) == Opening::probe);
  CHECK(grow("GET /any HTTP/1.1\r\nUser-Agent: curl kube-probe/1.30\r\n\r\n", http) == Opening::other);
  CHECK(grow("GET /any HTTP/1.1\r\nX-User-Agent: kube-probe/1.30\r\n\r\n", http) == Opening::other);
  CHECK(grow("GET /any HTTP/1.1\r\n\r\nUser-Agent: kube-probe/1.30\r\n\r\n", http) == Opening::other);
  CHECK(grow("GET /?User-Agent: kube-probe/1.30 HTTP/1.1\r\n\r\n", http) == Opening::other);
}

TEST_CASE("a declared path counts from the node only, and whole") {
  const std::string request = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
  CHECK(grow(request, http, true) == Opening::probe);
  CHECK(grow(request, http, false) == Opening::other);
  CHECK(grow("GET /healthz/x HTTP/1.1\r\n\r\n", http, true) == Opening::other);
  CHECK(grow("GET / HTTP/1.1\r\n\r\n", http, true) == Opening::other);
  CHECK(grow("GET / HTTP/1.1\r\n\r\n", {{"http", "", 8080}}, true) == Opening::probe);
  CHECK(grow(request, {{"tcp", "/healthz", 8080}}, true) == Opening::other);
}

TEST_CASE("what can't be a check is decided at its first bytes") {
  CHECK(judge("P", http, true) == Opening::other);
  CHECK(judge("GEX", http, true) == Opening::other);
  CHECK(judge("PRI * HTTP/2.0", http, true) == Opening::other);
  CHECK(judge("G", http) == Opening::unknown);
  CHECK(judge("GET /", http, false, true) == Opening::other);  // ended in the middle
  CHECK(judge("GET /" + std::string(longest_opening, 'x'), http) == Opening::other);
}

TEST_CASE("TLS, gRPC and bare TCP checks come from the node") {
  CHECK(judge("\x16\x03\x01", http, true) == Opening::probe);
  CHECK(judge("\x16\x03\x01", http, false) == Opening::other);
  CHECK(judge("\x16\x03\x01", tcp, true) == Opening::other);
  CHECK(judge("", grpc, true) == Opening::probe);
  CHECK(judge("", grpc, false) == Opening::unknown);
  CHECK(judge("", tcp, true) == Opening::unknown);
  CHECK(judge("", tcp, true, true) == Opening::probe);
  CHECK(judge("", tcp, false, true) == Opening::other);
  CHECK(judge("", http, true, true) == Opening::other);
}
