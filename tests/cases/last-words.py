#!/usr/bin/python3
# What a program has sent when it ends arrives, though nobody waits for it: to a server, and to a client.
# @flags --steal
# @world python3 -uc 'import socket; l = socket.create_server(("10.77.0.1", 9006)); print("ready"); c = l.accept()[0]; n = sum(iter(lambda: len(c.recv(65536)), 0)); c = l.accept()[0]; c.sendall(str(n).encode())'
# @drive python3 -c 'import socket; s = socket.create_connection(("10.77.0.1", 9006), 10); c = socket.create_connection(("10.77.0.2", 8121), 10); print(sum(iter(lambda: len(c.recv(65536)), 0))); print("the server got", s.recv(100).decode())'
import os
import socket

client = socket.create_connection(("10.77.0.1", 9006), 10)
with socket.create_server(("0.0.0.0", 8121)) as listener:
    listener.settimeout(30)
    print("ready", flush=True)
    peer = listener.accept()[0]
client.sendall(b"x" * 500000)
peer.sendall(b"y" * 500000)
os._exit(0)
