#!/usr/bin/python3
# One UDP socket, several peers: as TFTP, STUN, SIP, gossip and games use it.
# @world exec python3 udp-peers.py world
import ctypes
import errno
import os
import select
import socket
import struct
import sys

WORLD, POD = "10.77.0.1", "10.77.0.2"
IP_PKTINFO, IP_RECVERR, UDP_SEGMENT = 8, 11, 103


def world():
    """7001 answers from another port, 7002 and 7003 (also by IPv6) tell the port they saw, 7004 echoes."""
    sockets = {}
    for port in (7001, 7002, 7003, 7004):
        sockets[port] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sockets[port].bind((WORLD, port))
    sockets["6"] = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    sockets["6"].bind(("fd77::1", 7002))
    other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    other.bind((WORLD, 0))
    print("ready", flush=True)
    while True:
        for one in select.select(list(sockets.values()), [], [])[0]:
            data, peer = one.recvfrom(70000)
            if one is sockets[7001]:
                other.sendto(b"data", peer)
            elif one is sockets[7004]:
                one.sendto(data, peer)
            else:
                one.sendto(str(peer[1]).encode(), peer)


def udp(family=socket.AF_INET):
    one = socket.socket(family, socket.SOCK_DGRAM)
    one.settimeout(5)
    return one


def name(error):
    return errno.errorcode.get(error.errno, repr(error))


def attempt(what, call):
    try:
        print(what, call(), flush=True)
    except OSError as error:
        print(what, name(error), flush=True)


def ask(one, port, host=WORLD):
    one.sendto(b"who", (host, port))
    return int(one.recvfrom(100)[0])


def echo(one, data, where=(WORLD, 7004)):
    one.sendto(data, where)
    got, peer = one.recvfrom(70000)
    return got == data, len(got), peer


if sys.argv[1:] == ["world"]:
    world()

one = udp()
one.sendto(b"request", (WORLD, 7001))
data, peer = one.recvfrom(100)
print("answer from another port:", data, peer[0], peer[1] != 7001)
one = udp()
print("same source port at both servers:", ask(one, 7002) == ask(one, 7003))
one = udp()
one.bind(("0.0.0.0", 5060))
print("the port that is bound:", ask(one, 7002), one.getsockname())
one.close()
one = udp()
attempt("bound to the pod's address:", lambda: one.bind((POD, 5061)))
print(ask(one, 7002), one.getsockname())
attempt("bound to another's:", lambda: udp().bind((WORLD, 5062)))

for where in ((WORLD, 7002), ("8.8.8.8", 53), ("10.254.254.254", 1)):
    one = udp()
    attempt("own address towards %s:" % where[0], lambda: (one.connect(where), one.getsockname()[0])[1])
one = udp()
one.connect((WORLD, 7002))
one.send(b"who")
print("own port:", int(one.recv(100)) == one.getsockname()[1], one.getpeername())
one.connect((WORLD, 7004))
one.send(b"again")
print("connected anew:", one.recv(100), one.getpeername())
unspecified = struct.pack("H14x", 0)
print("connected to none:", ctypes.CDLL(None).connect(one.fileno(), unspecified, 16))
attempt("peer:", one.getpeername)
print("then unconnected:", echo(one, b"loose"))
attempt("IPv6 that leads nowhere:", lambda: udp(socket.AF_INET6).connect(("2001:db8::1", 53)))
attempt("sent there:", lambda: udp(socket.AF_INET6).sendto(b"x", ("2001:db8::1", 53)))

one = udp(socket.AF_INET6)
print("both families:", echo(one, b"mapped", ("::ffff:" + WORLD, 7004))[0], ask(one, 7002, "fd77::1") > 0)
one = udp()
for size in (0, 1, 1400, 65507):
    print("size", size, echo(one, os.urandom(size)))
attempt("too large:", lambda: one.sendto(bytes(65508), (WORLD, 7004)))
one = udp()
one.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 4)
one.sendto(b"aaaabbbbcc", (WORLD, 7004))
print("segments:", [one.recv(100) for _ in range(3)])

one = udp()
one.connect((WORLD, 7999))
for _ in range(3):  # a kernel reports six in a row, and then one a second
    attempt("refused:", lambda: (one.send(b"x"), one.recv(10)))
one = udp()
one.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
one.sendto(b"lost", (WORLD, 7999))
poll = select.poll()
poll.register(one, 0)
print("the error queue:", poll.poll(5000)[0][1] & select.POLLERR != 0)
data, control, flags, about = one.recvmsg(100, 512, socket.MSG_ERRQUEUE)
level, kind, report = control[0]
print(data, about, kind == IP_RECVERR, errno.errorcode[struct.unpack_from("I", report)[0]])
print("reported by", socket.inet_ntoa(report[20:24]))

one = udp()
one.bind(("0.0.0.0", 0))
one.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
one.sendto(b"info", (WORLD, 7004))
data, control, flags, peer = one.recvmsg(100, 512)
info = control[0][2]
print("came to", socket.inet_ntoa(info[8:12]), "from", peer)
wish = [(socket.IPPROTO_IP, IP_PKTINFO, info[:4] + info[8:12] + bytes(4))]
one.sendmsg([b"answer"], wish, 0, peer)
print("sent from there:", one.recv(100))

one = udp()
if os.fork() == 0:
    one.sendto(b"of the child", (WORLD, 7004))
    os._exit(0)
print("shared:", one.recv(100))
os.wait()
