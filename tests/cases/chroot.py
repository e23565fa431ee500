#!/usr/bin/python3
# Another root would take the program out of the pod: it is refused, and the program is told.
# @root
# @only-outside
# @pod mkdir -p /data/jail/etc; echo in-jail >/data/jail/etc/hostname
# @right / 0
# @right /data/jail Operation not permitted
# @right /data/none No such file or directory
# @right /etc/hostname Not a directory
# @right local Operation not permitted
# @right /tmp/none No such file or directory
# @right by number Operation not permitted
# @right web-5d8f
# @stderr /data/jail: can't become the program's root directory
import ctypes
import os


def try_root(name, path):
    try:
        os.chroot(path)
        print(name, 0)
    except OSError as error:
        print(name, error.strerror)


os.makedirs("local")
for path in ("/", "/data/jail", "/data/none", "/etc/hostname", "local", "/tmp/none"):
    try_root(path, path)
by_number = ctypes.CDLL(None, use_errno=True)
done = by_number.syscall(161 if os.uname().machine == "x86_64" else 51, b"/data/jail")
print("by number", os.strerror(ctypes.get_errno()) if done else 0)
with open("/etc/hostname") as file:
    print(file.read().strip())
