#!/usr/bin/python3
# A unix socket at a path of the pod can't be listened on from outside: that is refused, with a word, and nothing
# appears on this machine.
# @only-outside
# @flags --files-write /srv/**
# @pod mkdir -p /srv/app; chmod 777 /srv/app
# @right EADDRNOTAVAIL
# @right EADDRNOTAVAIL
# @right []
# @stderr /srv/app/service.sock: a program outside the pod cannot listen on a unix socket at a path of the pod
import errno
import os
import socket

for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
    try:
        socket.socket(socket.AF_UNIX, kind).bind("/srv/app/service.sock")
        print("bound")
    except OSError as error:
        print(errno.errorcode[error.errno])
print(os.listdir("/srv/app"))
