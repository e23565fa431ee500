#!/usr/bin/python3
# A socket that is bound to an interface of the pod's connects; of another one there is none.
# @root
# @world python3 -c 'import socket; l = socket.create_server(("10.77.0.1", 9003)); print("ready", flush=True); [l.accept()[0].sendall(b"pong") for _ in range(2)]'
import socket

SO_BINDTOIFINDEX = 62
for name, value in ((socket.SO_BINDTODEVICE, b"eth0\0"), (SO_BINDTOIFINDEX, socket.if_nametoindex("eth0"))):
    with socket.socket() as client:
        client.settimeout(10)
        client.setsockopt(socket.SOL_SOCKET, name, value)
        client.connect(("10.77.0.1", 9003))
        print(client.recv(10))
for name, value in ((socket.SO_BINDTODEVICE, b"none0"), (SO_BINDTOIFINDEX, 9999), (SO_BINDTOIFINDEX, -1)):
    with socket.socket() as client:
        client.settimeout(10)
        try:
            client.setsockopt(socket.SOL_SOCKET, name, value)
            print("set")
            client.connect(("10.77.0.1", 9003))
        except OSError as error:
            print(error)
