// The probe's operations (probe.cpp), through the agent.
#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <sstream>

#include "agent_client.hpp"
#include "answers.hpp"
#include "catch.hpp"
#include "pod.hpp"

namespace inpod::test {
namespace {

using protocol::AddressFamily;
using protocol::SocketAddress;
using Fields = std::vector<std::string>;

SocketAddress address_of(const std::string& text, const std::string& port) {
  SocketAddress address;
  address.port = static_cast<std::uint16_t>(port.empty() ? 0 : std::stoi(port));
  if (::inet_pton(AF_INET, text.c_str(), address.ip.data()) == 1) {
    address.family = AddressFamily::ipv4;
  } else if (::inet_pton(AF_INET6, text.c_str(), address.ip.data()) == 1) {
    address.family = AddressFamily::ipv6;
  } else {
    address.family = text[0] == '@' ? AddressFamily::unix_abstract : AddressFamily::unix_path;
    address.path = text[0] == '@' ? text.substr(1) : text;
  }
  return address;
}

std::string address_text(const SocketAddress& address) {
  char text[INET6_ADDRSTRLEN] = "";
  ::inet_ntop(address.family == AddressFamily::ipv4 ? AF_INET : AF_INET6, address.ip.data(), text,
              sizeof text);
  const std::string scope = address.scope_id ? "%" + std::to_string(address.scope_id) : "";
  return text + scope + "#" + std::to_string(address.port);
}

template <class Answer, class Format>
std::string ask(AgentClient& client, Message request, Format format) {
  auto answer = client.ask<Answer>(std::move(request));
  return answer ? format(*answer) : failed(answer.error().code);
}
template <class Answer>
std::string ask_ok(AgentClient& client, Message request) {
  return ask<Answer>(client, std::move(request), [](const Answer&) { return std::string("ok"); });
}

/// What is left of a file that the answer to OpenFile did not bring, by handle.
std::string read_rest(AgentClient& client, std::uint64_t handle, std::string content) {
  while (true) {
    protocol::ReadFile read;
    read.handle = handle, read.offset = content.size(), read.length = 100'000;
    auto data = client.ask<protocol::FileData>(read);
    REQUIRE(data);
    if (data->data.empty()) return content;
    content.append(data->data.begin(), data->data.end());
  }
}

std::string open_it(AgentClient& client, const Fields& f) {
  protocol::OpenFile open;
  open.path = f[1];
  open.flags = static_cast<std::uint32_t>(std::stoi(f[2]));
  open.mode = static_cast<std::uint32_t>(std::stoi(f[3]));
  open.prefetch_limit = 8 << 20;
  open.inline_limit = 64 << 10;
  return ask<protocol::OpenedFile>(client, open, [&](const protocol::OpenedFile& opened) {
    std::string content(opened.content.begin(), opened.content.end());
    if (opened.stream) {
      auto rest = client.drain(opened.stream);
      REQUIRE(rest);
      content += *rest;
    } else if (S_ISREG(opened.stat.mode) && (open.flags & O_ACCMODE) != O_WRONLY && content.empty()) {
      content = read_rest(client, opened.handle, std::move(content));
    }
    protocol::CloseFile close;
    close.handle = opened.handle;
    CHECK(client.ask<protocol::Done>(close));
    return text_of(opened.stat) + " " + opened.real_path + " " + text_of_content(content);
  });
}

std::string list_it(AgentClient& client, const std::string& path) {
  protocol::ReadDirectory list;
  list.path = path;
  std::string text;
  do {
    auto page = client.ask<protocol::Directory>(list);
    if (!page) return failed(page.error().code);
    for (const auto& entry : page->entries)
      text += entry.name + " " + std::to_string(entry.inode) + " " + std::to_string(entry.type) + " " +
              (entry.has_stat ? text_of(entry.stat) : "-") + "; ";
    list.cursor = page->cursor;
  } while (list.cursor);
  return text;
}

protocol::PathChange change_of(const std::string& name) {
  protocol::PathChange found{};
  boost::describe::enum_from_string(name.c_str(), found);
  return found;
}

std::string resolve_it(AgentClient& client, const Fields& f) {
  protocol::Resolve resolve;
  resolve.host = f[1], resolve.service = f[2];
  resolve.family = std::stoi(f[3]), resolve.socktype = std::stoi(f[4]), resolve.protocol = std::stoi(f[5]),
  resolve.flags = std::stoi(f[6]);
  return ask<protocol::Resolved>(client, resolve, [](const protocol::Resolved& resolved) {
    if (resolved.status) return "status " + std::to_string(resolved.status);
    std::string text = resolved.canonical_name;
    for (const auto& one : resolved.addresses)
      text += " " + std::to_string(one.socktype) + "/" + std::to_string(one.protocol) + "/" +
              address_text(one.address);
    return text;
  });
}

std::string connect_it(AgentClient& client, const Fields& f) {
  protocol::Connect connect;
  bool datagram = f[1] != "stream";
  connect.transport = datagram ? protocol::Transport::datagram : protocol::Transport::stream;
  connect.remote = address_of(f[2], f[3]);
  return ask<protocol::Connected>(client, connect, [&](const protocol::Connected& connected) {
    auto stream = client.take(connected.stream);
    (void)client.write(stream, "ping\n", datagram);
    auto got = client.read(stream);
    std::string text = got ? *got : failed(got.error().code);
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return "connected " + text;
  });
}

}  // namespace

std::string perform(AgentClient& client, const std::string& operation) {
  Fields f;
  std::istringstream parts(operation);
  for (std::string field; std::getline(parts, field, '\t');) f.push_back(field);
  f.resize(8);
  const std::string& what = f[0];
  if (what == "open") return open_it(client, f);
  if (what == "stat" || what == "lstat") {
    protocol::StatFile stat;
    stat.path = f[1], stat.follow = what == "stat";
    return ask<protocol::FileStat>(client, stat, [](const protocol::FileStat& s) { return text_of(s); });
  }
  if (what == "access") {
    protocol::AccessFile access;
    access.path = f[1], access.mode = static_cast<std::uint32_t>(std::stoi(f[2])),
    access.flags = static_cast<std::uint32_t>(std::stoi(f[3]));
    return ask_ok<protocol::Done>(client, access);
  }
  auto text = [](const protocol::Text& t) { return t.text; };
  if (what == "readlink") return ask<protocol::Text>(client, protocol::ReadLink{f[1]}, text);
  if (what == "realpath") return ask<protocol::Text>(client, protocol::RealPath{f[1]}, text);
  if (what == "list") return list_it(client, f[1]);
  if (what == "change")
    return ask_ok<protocol::Done>(client,
                                  protocol::ChangePath{change_of(f[1]), f[2], f[3], std::stoul(f[4])});
  if (what == "resolve") return resolve_it(client, f);
  if (what == "back") {
    protocol::ResolveBack back;
    back.address = address_of(f[1], f[2]), back.flags = std::stoi(f[3]);
    return ask<protocol::ResolvedName>(client, back, [](const protocol::ResolvedName& name) {
      return name.status ? "status " + std::to_string(name.status) : name.host + " " + name.service;
    });
  }
  if (what == "connect") return connect_it(client, f);
  if (what == "uname")
    return ask<protocol::Pod>(client, protocol::GetPod{}, [](const protocol::Pod& p) {
      return p.hostname + " " + p.domainname + " " + p.kernel + " " + p.machine;
    });
  return "unknown operation";
}

void compare(AgentClient& client, const TestPod& pod, const std::vector<std::string>& operations) {
  auto expected = pod.probe(operations);
  for (std::size_t i = 0; i < operations.size(); ++i) {
    INFO(operations[i]);
    CHECK(perform(client, operations[i]) == expected[i]);
  }
}

}  // namespace inpod::test
