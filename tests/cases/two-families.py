#!/usr/bin/python3
# One listener for IPv4 and one for IPv6 on the same port: each client comes to its family's, with its address.
# @flags --steal
# @drive for i in 1 2 3; do python3 two-families.py ask 10.77.0.2; python3 two-families.py ask fd77::2; done
import socket
import sys
import threading

PORT = 8110


def serve(name, listener, served):
    for _ in range(3):
        client, peer = listener.accept()
        client.sendall(f"{name} {peer[0]} {client.getpeername()[0]} {client.getsockname()[:2]}".encode())
        client.close()
        served.release()


if len(sys.argv) > 1:
    with socket.create_connection((sys.argv[2], PORT), 10) as client:
        print(client.recv(200).decode())
        sys.exit()
served = threading.Semaphore(0)
for name, family, host in (("IPv4", socket.AF_INET, "0.0.0.0"), ("IPv6", socket.AF_INET6, "::")):
    listener = socket.create_server((host, PORT), family=family)
    print(name, listener.getsockname()[:2])
    threading.Thread(target=serve, args=(name, listener, served), daemon=True).start()
print("ready", flush=True)
for _ in range(6):
    if not served.acquire(timeout=30):
        print("no client")
