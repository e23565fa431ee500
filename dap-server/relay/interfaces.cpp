// Interfaces: see interfaces.hpp.
#include "relay/interfaces.hpp"

#include <algorithm>
#include <cstring>

#include "relay/address.hpp"

namespace inpod::relay {
namespace {

using protocol::AddressFamily;

constexpr std::chrono::seconds answer_serves{1};

template <std::size_t Size, class From>
void put_bytes(std::uint8_t (&into)[Size], const From& from) {
  std::copy_n(from.begin(), std::min(Size, from.size()), into);
}

std::uint8_t number_of(AddressFamily family) {
  if (family == AddressFamily::none) return 0;
  return family == AddressFamily::ipv4 ? AF_INET : AF_INET6;
}

InterfaceRecord record_of(const protocol::Interface& interface, const std::string& name) {
  InterfaceRecord record{};
  name.copy(record.name, sizeof(record.name) - 1);
  record.index = interface.index;
  record.flags = interface.flags;
  record.mtu = interface.mtu;
  record.type = interface.type;
  return record;
}

InterfaceRecord record_of(const protocol::Interface& interface) {
  InterfaceRecord record = record_of(interface, interface.name);
  record.hardware_length =
      static_cast<std::uint8_t>(std::min(sizeof(record.hardware), interface.hardware.size()));
  put_bytes(record.hardware, interface.hardware);
  put_bytes(record.hardware_broadcast, interface.hardware_broadcast);
  record.has_statistics = interface.statistics.size() == sizeof(record.statistics);
  if (record.has_statistics)
    std::memcpy(record.statistics, interface.statistics.data(), sizeof(record.statistics));
  return record;
}

InterfaceRecord record_of(const protocol::Interface& interface, const protocol::InterfaceAddress& one) {
  InterfaceRecord record = record_of(interface, one.label);
  record.family = number_of(one.address.family);
  record.other_family = number_of(one.other.family);
  record.prefix = one.prefix;
  record.scope_id = one.address.scope_id;
  put_bytes(record.address, one.address.ip);
  put_bytes(record.other, one.other.ip);
  return record;
}

void append_record(Bytes& records, const InterfaceRecord& record) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(&record);
  records.insert(records.end(), bytes, bytes + sizeof(record));
}

Bytes records_of(const protocol::Interfaces& pod) {
  Bytes records;
  for (const auto& interface : pod.interfaces) append_record(records, record_of(interface));
  for (const auto family : {AddressFamily::ipv4, AddressFamily::ipv6})
    for (const auto& interface : pod.interfaces)
      for (const auto& one : interface.addresses)
        if (one.address.family == family) append_record(records, record_of(interface, one));
  return records;
}

}  // namespace

Task<Answer> Interfaces::list() {
  if (records_.empty() || Clock::now() - asked_ >= answer_serves) {
    protocol::GetInterfaces request;
    const auto answer = co_await ask<protocol::Interfaces>(context_, std::move(request));
    if (!answer) co_return refuse(code_of(answer.error()));
    records_ = records_of(*answer);
    asked_ = Clock::now();
  }
  Answer answer;
  answer.data = records_;
  co_return answer;
}

}  // namespace inpod::relay
