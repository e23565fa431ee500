#!/usr/bin/python3
# As two-families.py, with a copy of what comes to the pod's own servers.
# @only-outside
# @pod rm -f /tmp/8111; setsid python3 -c 'import socket; l = [socket.create_server((h, 8111), family=f) for h, f in (("0.0.0.0", 2), ("::", 10))]; open("/tmp/8111", "w").close(); [(c := one.accept()[0]).recv(4) and c.sendall(b"pod") for _ in range(3) for one in l]' >/dev/null 2>&1 & until [ -e /tmp/8111 ]; do sleep 0.05; done
# @drive for i in 1 2 3; do for h in 10.77.0.2 fd77::2; do python3 -c 'import socket, sys; c = socket.create_connection((sys.argv[1], 8111), 10); c.sendall(b"ping"); print(c.recv(9).decode())' $h; done; done
# @right ready
# @right IPv4 10.77.0.1
# @right IPv6 fd77::1
# @right IPv4 10.77.0.1
# @right IPv6 fd77::1
# @right IPv4 10.77.0.1
# @right IPv6 fd77::1
# @right pod
# @right pod
# @right pod
# @right pod
# @right pod
# @right pod
import selectors
import socket

selector = selectors.DefaultSelector()
for name, family, host in (("IPv4", socket.AF_INET, "0.0.0.0"), ("IPv6", socket.AF_INET6, "::")):
    selector.register(socket.create_server((host, 8111), family=family), selectors.EVENT_READ, name)
print("ready", flush=True)
seen = 0
while seen < 6:
    ready = selector.select(30)
    if not ready:
        print("no client")
        break
    for key, _ in ready:
        client, peer = key.fileobj.accept()
        print(key.data, peer[0], flush=True)
        client.close()
        seen += 1
