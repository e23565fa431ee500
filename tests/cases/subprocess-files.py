#!/usr/bin/python3
# Files of the pod as a child's standard input and output: vfork, fork, posix_spawn and exec; small, large, and too large to be kept.
# @flags --files-write /data
# @pod rm -f /data/p.*; printf 'two\none\n' >/data/p.small; seq 2000000 >/data/p.large; seq 9500000 >/data/p.huge
import hashlib
import os
import subprocess

path = "/data/p."


def text(name):
    with open(path + name) as file:
        return file.read()


def digest(data):
    return hashlib.md5(data).hexdigest()


COUNT = ["awk", "{ n += length($0) + 1 } END { print NR, n }"]

for name in "small", "large", "huge":
    for options in {}, *([{"preexec_fn": lambda: None}, {"close_fds": False}] if name != "huge" else []):
        with open(path + name) as given, open(path + "out", "w") as out:
            subprocess.run(COUNT, stdin=given, stdout=out, **options)
        print(name, text("out").split())
    with open(path + name, "rb") as given:
        print(name, subprocess.run(["md5sum"], stdin=given, capture_output=True).stdout)
    with open(path + name, "rb") as given:
        given.seek(4)
        given.flush()
        print(name, "from 4", subprocess.run(["md5sum"], stdin=given, capture_output=True).stdout)
    with open(path + name, "rb") as given:
        print(name, "here", digest(given.read()))

with open(path + "both", "w") as out:
    subprocess.run("echo out; echo err >&2; ls -d / /none-such", shell=True, stdout=out, stderr=subprocess.STDOUT)
    print("the parent", file=out, flush=True)
    subprocess.run(["date", "-u", "-d@0", "+%F"], stdout=out)
print(text("both"))

actions = [
    (os.POSIX_SPAWN_OPEN, 0, path + "small", os.O_RDONLY, 0),
    (os.POSIX_SPAWN_OPEN, 1, path + "spawned", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644),
]
print(os.waitpid(os.posix_spawn("/usr/bin/sort", ["sort"], os.environ, file_actions=actions), 0)[1], text("spawned"))
given = os.open(path + "large", os.O_RDONLY)
out = os.open(path + "spawned", os.O_WRONLY | os.O_APPEND)
actions = [(os.POSIX_SPAWN_DUP2, given, 0), (os.POSIX_SPAWN_DUP2, out, 1), (os.POSIX_SPAWN_DUP2, out, 2)]
print(os.waitpid(os.posix_spawn("/usr/bin/md5sum", ["md5sum"], os.environ, file_actions=actions), 0)[1], text("spawned"))
os.write(out, b"appended\n")
os.close(out)
print(text("spawned"))

child = os.fork()
if child == 0:
    os.dup2(os.open(path + "huge", os.O_RDONLY), 0)
    os.dup2(os.open(path + "forked", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
    os.execlp("sh", "sh", "-c", "head -c 10; tail -c 9")
print(os.waitpid(child, 0)[1], text("forked"))
try:
    os.close(os.open(path + "absent/none", os.O_WRONLY | os.O_CREAT))
except OSError as error:
    print(error.strerror)
