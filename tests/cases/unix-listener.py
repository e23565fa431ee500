#!/usr/bin/python3
# A service that listens on a unix socket beside local files: all that belongs to it is local.
import os
import socket
import stat

folder = "/tmp/unix-listener-%d" % os.getpid()
path = folder + "/service.sock"
os.mkdir(folder)


def from_another_process(call):
    child = os.fork()
    if child == 0:
        try:
            call()
            os._exit(0)
        except OSError as error:
            os._exit(error.errno)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def client(kind, address, data):
    one = socket.socket(socket.AF_UNIX, kind)
    one.connect(address)
    one.send(data)


listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
os.chmod(path, 0o600)
listener.listen()
print("mode", oct(os.stat(path).st_mode), "socket", stat.S_ISSOCK(os.lstat(path).st_mode), os.listdir(folder))
print("name", listener.getsockname() == path)
print("client", from_another_process(lambda: client(socket.SOCK_STREAM, path, b"hello")))
print(listener.accept()[0].recv(100))
os.rename(path, path + ".old")
print("renamed", from_another_process(lambda: client(socket.SOCK_STREAM, path + ".old", b"again")))
print(listener.accept()[0].recv(100))
os.unlink(path + ".old")
print("gone", from_another_process(lambda: client(socket.SOCK_STREAM, path + ".old", b"")))
datagrams = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
datagrams.bind(path)
print("datagram", from_another_process(lambda: client(socket.SOCK_DGRAM, path, b"one")), datagrams.recv(100))
other = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
print("sent to", other.sendto(b"two", path), datagrams.recv(100))
abstract = socket.socket(socket.AF_UNIX)
abstract.bind("\0inpod-unix-listener-%d" % os.getpid())
abstract.listen()
print("abstract", from_another_process(lambda: client(socket.SOCK_STREAM, abstract.getsockname(), b"three")))
print(abstract.accept()[0].recv(100))
