#!/usr/bin/python3
# Listeners at the pod's own address and at 127.0.0.1, on one port and in either order, as nginx, PostgreSQL and
# named have them: each client is served by the one that it means.
# @flags --steal
# @drive for port in 8101 8102 8103 8104; do for host in 10.77.0.2 fd77::2; do python3 bound-listeners.py ask $host $port; done; done
import contextlib
import socket
import sys
import threading

answers = threading.Semaphore(0)


def ask(host, port):
    try:
        with socket.create_connection((host, port), 10) as client:
            print(host, port, client.recv(100).decode(), flush=True)
    except (ConnectionRefusedError, ConnectionResetError):  # the latter of what has been stolen already
        print(host, port, "nobody", flush=True)


def serve(name, listener):
    with contextlib.suppress(OSError):
        while True:
            client, peer = listener.accept()
            kind = "itself" if peer[0] == "127.0.0.1" else peer[0]
            client.sendall(f"{name} at {client.getsockname()[0]} for {kind}".encode())
            client.recv(1)  # who closes first keeps the port from the next run for a minute
            client.close()
            answers.release()


def listen(host, port, reuse):
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
    if ":" in host:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    try:
        listener.bind((host, port))
        listener.listen(5)
    except OSError as error:
        print(host, port, error)
        listener.close()
        return []
    print(host, port, "listens at", listener.getsockname()[:2])
    threading.Thread(target=serve, args=(host, listener), daemon=True).start()
    return [listener]


if len(sys.argv) > 1:
    sys.exit(ask(sys.argv[2], int(sys.argv[3])))
kept = []
for reuse in (0, 1):
    kept += listen("10.77.0.2", 8101 + 2 * reuse, reuse) + listen("127.0.0.1", 8101 + 2 * reuse, reuse)
    kept += listen("127.0.0.1", 8102 + 2 * reuse, reuse) + listen("10.77.0.2", 8102 + 2 * reuse, reuse)
    kept += listen("fd77::2", 8101 + 2 * reuse, reuse)
    # Taken, and none of the pod's.
    kept += listen("10.77.0.2", 8101 + 2 * reuse, reuse) + listen("0.0.0.0", 8101 + 2 * reuse, reuse)
    kept += listen("10.99.0.1", 8101 + 2 * reuse, reuse)
named = socket.create_server(("10.77.0.2", 0))
print("any port", named.getsockname()[0], named.getsockname()[1] != 0)
for port in (8101, 8104):
    ask("127.0.0.1", port)
print("ready", flush=True)
for number in range(2 + 6):
    if not answers.acquire(timeout=30):
        print("no client", number)
