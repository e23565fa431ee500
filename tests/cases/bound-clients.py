#!/usr/bin/python3
# A client's socket that is bound before it connects has its address and its port in the pod: the peer sees them.
# @world python3 bound-clients.py serve
import select
import socket
import sys

PORT = 9001
DUAL = (socket.AF_INET6, "::ffff:10.77.0.1")
FOUR, SIX = (socket.AF_INET, "10.77.0.1"), (socket.AF_INET6, "fd77::1")


def serve():
    listener = socket.create_server(("::", PORT), family=socket.AF_INET6, dualstack_ipv6=True)
    print("ready", flush=True)
    while True:
        client, peer = listener.accept()
        client.sendall(f"{peer[0].removeprefix('::ffff:')} {peer[1]}".encode())
        client.close()


def connect(client, address, blocking):
    if blocking:
        return client.connect((address, PORT))
    client.setblocking(False)
    code = client.connect_ex((address, PORT))
    select.select([], [client], [], 10)
    client.setblocking(True)
    print("  in progress", code != 0, "error", client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))


def check(peer, source, port, blocking, reuse):
    family, address = peer
    print(address, "from", source, port, "blocking" if blocking else "non-blocking")
    try:
        with socket.socket(family, socket.SOCK_STREAM) as client:
            client.settimeout(10)
            if reuse:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            client.bind((source, port))
            before = client.getsockname()
            connect(client, address, blocking)
            after = client.getsockname()
            seen = client.recv(100).decode().split()
            print("  bound to", before[0], "then", after[0], "same port", before[1] == after[1] and port in (0, after[1]))
            print("  the peer sees it", seen == [after[0].removeprefix("::ffff:"), str(after[1])])
            print("  peer", client.getpeername()[:2], "reuse", client.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR))
    except OSError as error:
        print(" ", error)


if len(sys.argv) > 1:
    serve()
port = 25000
for peer, sources in (
    (FOUR, ("10.77.0.2", "0.0.0.0", "10.99.0.1")),
    (SIX, ("fd77::2", "::", "fd77::3")),
    (DUAL, ("::", "::ffff:10.77.0.2")),
):
    for source in sources:
        for blocking in (True, False):
            port += 1
            check(peer, source, 0, blocking, False)
            check(peer, source, port, blocking, blocking)
