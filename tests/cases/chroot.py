#!/usr/bin/python3
# A folder of the pod can't become the root here, and the program is told; one of this machine can, and is at home in it.
# @root
# @only-outside
# @pod mkdir -p /data/jail/etc; echo in-jail >/data/jail/etc/hostname
# @right / 0
# @right /data/jail Operation not permitted
# @right /data/none No such file or directory
# @right /etc/hostname Not a directory
# @right /etc/hostname web-5d8f
# @right local 0
# @right /etc/hostname at-home
# @stderr /data/jail: this directory is the pod's and can't become the program's root
import os


def try_root(name, path):
    try:
        os.chroot(path)
        print(name, 0)
    except OSError as error:
        print(name, error.strerror)


def show():
    with open("/etc/hostname") as file:
        print("/etc/hostname", file.read().strip())


for path in ("/", "/data/jail", "/data/none", "/etc/hostname"):
    try_root(path, path)
show()
os.makedirs("jail/etc")
with open("jail/etc/hostname", "w") as file:
    file.write("at-home\n")
try_root("local", "jail")
os.chdir("/")
show()
