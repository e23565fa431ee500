#!/usr/bin/python3
# Programs that ask the kernel for interfaces and addresses by netlink themselves, as `ip` and Qt do.
import re
import socket
import struct
import subprocess

GETLINK, GETADDR, DUMP = 18, 22, 0x301


def run(*command):
    outcome = subprocess.run(command, capture_output=True, text=True)
    print(*command, outcome.returncode, outcome.stderr)
    return outcome.stdout


def ask(kind, flags, body):
    """The attributes of each message, by its kind."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as route:
        route.bind((0, 0))
        route.settimeout(10)
        route.send(struct.pack("=IHHII", 16 + len(body), kind, flags, 7, 0) + body)
        while True:
            data = route.recv(65536)
            while data:
                length, kind, _, sequence, _ = struct.unpack_from("=IHHII", data)
                assert sequence == 7, sequence
                if kind == 2:
                    print("  error", struct.unpack_from("=i", data, 16)[0])
                if kind in (2, 3):
                    return
                if kind in (16, 20):
                    yield kind, data[16:length]
                data = data[(length + 3) & ~3 :]
            if not flags & 0x300:
                return


def attributes(data):
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        yield kind, data[4:length]
        data = data[(length + 3) & ~3 :]


def show(messages):
    for kind, data in messages:
        if kind == 16:
            print("  link", struct.unpack_from("=HiI", data, 2)[:2], dict(attributes(data[16:]))[3])
        else:
            found = dict(attributes(data[8:]))
            family = socket.AF_INET if data[0] == socket.AF_INET else socket.AF_INET6
            print("  address", socket.inet_ntop(family, found[1]), data[1], found.get(3))


print("links")
show(ask(GETLINK, DUMP, struct.pack("=BxHiII", 0, 0, 0, 0, 0)))
for family in (socket.AF_UNSPEC, socket.AF_INET, socket.AF_INET6):
    print("addresses of family", int(family))
    show(ask(GETADDR, DUMP, struct.pack("=BBBBI", family, 0, 0, 0, 0)))
index = socket.if_nametoindex("eth0")
for wanted in (index, 9999):
    print("link", wanted)
    show(ask(GETLINK, 1, struct.pack("=BxHiII", 0, 0, wanted, 0, 0)))
for command in (["ip", "-br", "addr"], ["ip", "-o", "-4", "addr", "show", "eth0"], ["ip", "-br", "link", "show", "dev", "eth0"]):
    # Without what the other end of a veth pair is.
    print([re.sub("@[^ ]*", "", line).split()[:4] for line in run(*command).splitlines()])
print(run("ip", "link", "show", "none0"))
