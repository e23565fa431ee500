#!/usr/bin/python3
# The pod answers at once, and its client closes; the program needs longer, and looks then whether its client is
# still there, as puma, nginx and PHP do.
# @only-outside
# @pod python3 /cases/mirror-close.py/mirror-close.py pod
# @drive for i in 1 2 3; do python3 mirror-close.py client; done
# @right ready
# @right request 1: the client has gone: False
# @right the answer is written
# @right request 2: the client has gone: False
# @right the answer is written
# @right request 3: the client has gone: False
# @right the answer is written
# @right then it is: True
# @right the pod's answer
# @right the pod's answer
# @right the pod's answer
import os
import socket
import sys
import time

if sys.argv[1:] == ["client"]:
    one = socket.create_connection(("10.77.0.2", 8080))
    one.sendall(b"request\n")
    print(one.recv(100).decode())
    one.close()
    sys.exit()
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("0.0.0.0", 8080))
listener.listen()
if sys.argv[1:] == ["pod"]:
    ready, tell = os.pipe()
    if os.fork() == 0:
        os.setsid()  # or it would be ended with its starter's process group
        os.close(tell)
        os.close(1)
        os.close(2)
        for _ in range(3):
            one = listener.accept()[0]
            one.recv(100)
            one.sendall(b"the pod's answer")
            one.recv(100)
            one.close()
    os.close(tell)
    os.read(ready, 1)
    os._exit(0)
print("ready", flush=True)
for number in (1, 2, 3):
    one = listener.accept()[0]
    one.recv(100)
    time.sleep(0.3)  # what it needs for its answer; not a wait for something
    try:
        gone = one.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        gone = False
    print("request %d: the client has gone:" % number, gone)
    one.sendall(b"the debugged answer")
    print("the answer is written", flush=True)
    one.settimeout(10)
    gone = one.recv(1) == b""
print("then it is:", gone)
