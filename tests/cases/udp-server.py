#!/usr/bin/python3
# A UDP server: what is sent to the pod's port comes to it, and its answer goes back from that port.
# @drive python3 udp-server.py client
# @right ready
# @right 2 requests, of the pod's network: True
# @right answer: b'echo one' from ('10.77.0.2', 5070)
# @right answer: b'echo two' from ('10.77.0.2', 5070)
import socket
import sys

one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
one.settimeout(10)
if sys.argv[1:] == ["client"]:
    for text in (b"one", b"two"):
        for _ in range(50):  # the port is bound in the pod just after the program is told so
            one.settimeout(0.2)
            one.sendto(text, ("10.77.0.2", 5070))
            try:
                print("answer: %r from %s" % one.recvfrom(100))
                break
            except OSError:
                pass
    sys.exit()
one.bind(("0.0.0.0", 5070))
print("ready", flush=True)
peers = {}
while len(peers) < 2:
    data, peer = one.recvfrom(100)
    peers[data] = peer[0]
    one.sendto(b"echo " + data, peer)
print("2 requests, of the pod's network:", set(peers.values()) == {"10.77.0.1"})
