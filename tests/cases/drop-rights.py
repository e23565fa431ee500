#!/usr/bin/python3
# A service that starts as root and then becomes another user stays in the pod: itself, its children that
# fork, that execute a program, and that daemonize; over files, names, and connections of both families.
# @root
# @world python3 -c 'import socket; server = socket.create_server(("10.77.0.1", 9001)); print("ready", flush=True); [server.accept()[0].sendall(b"served") for _ in range(4)]'
import os
import socket
import subprocess
import sys


def show(when):
    try:
        print(when, open("/etc/hostname").read().strip(), socket.gethostname(), end=" ")
        with socket.create_connection(("10.77.0.1", 9001), timeout=10) as peer:
            print(peer.recv(10))
    except OSError as error:
        print(when, error)
    sys.stdout.flush()


if len(sys.argv) > 1:
    show(sys.argv[1])
    sys.exit()
show("as root:")
kept = open("/etc/hosts")
with open(__file__) as source:
    program = source.read()
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
show("as nobody:")
print("open before:", len(kept.read()) > 0)
sys.stdout.flush()
if os.fork() == 0:
    show("forked:")
    os._exit(0)
os.wait()
subprocess.run([sys.executable, "-c", program, "executed:"])
print(subprocess.run(["cat", "/etc/hostname"], capture_output=True, text=True).stdout)
