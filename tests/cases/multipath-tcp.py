#!/usr/bin/python3
# Sockets of Multipath TCP connect, listen and accept, though the kernel of the pod may have none.
# @only-outside
# @flags --steal
# @world python3 -c 'import socket; l = socket.create_server(("10.77.0.1", 9002)); print("ready", flush=True); c = l.accept()[0]; c.sendall(b"pong"); c.close()'
# @drive python3 -c 'import socket; c = socket.create_connection(("10.77.0.2", 8120), 10); print(c.recv(10).decode())'
# @right connected to ('10.77.0.1', 9002): pong
# @right ready
# @right accepted from 10.77.0.1
# @right hello
import socket

MPTCP = 262
with socket.socket(socket.AF_INET, socket.SOCK_STREAM, MPTCP) as client:
    client.settimeout(10)
    client.connect(("10.77.0.1", 9002))
    print(f"connected to {client.getpeername()}: {client.recv(10).decode()}")
with socket.socket(socket.AF_INET, socket.SOCK_STREAM, MPTCP) as listener:
    listener.bind(("0.0.0.0", 8120))
    listener.listen(5)
    listener.settimeout(30)
    print("ready", flush=True)
    client, peer = listener.accept()
    print("accepted from", peer[0])
    client.sendall(b"hello")
