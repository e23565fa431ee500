#!/usr/bin/python3
# Paths that go through a descriptor, the working directory or the root by its name in /proc.
# @pod mkdir -p /etc/by/inner; echo of-the-pod >/etc/by/file; echo inner >/etc/by/inner/file
import os
import sys


def said(function, *arguments):
    try:
        return function(*arguments)
    except OSError as error:
        return error.strerror


def text(path):
    with open(path) as file:
        return file.read().strip()


folder, file = os.open("/etc/by", os.O_DIRECTORY), os.open("/etc/by/file", os.O_RDONLY)
for start in ("/proc/self/fd", "/proc/thread-self/fd", f"/proc/{os.getpid()}/fd", "/dev/fd"):
    print(said(text, f"{start}/{folder}/file"), said(text, f"{start}/{folder}/inner/../file"), said(text, f"{start}/{folder}//inner//file"))
    print(said(text, f"{start}/{file}"), said(text, f"{start}/{file}/x"), said(text, f"{start}/{folder}/none"))
    print(sorted(said(os.listdir, f"{start}/{folder}")), sorted(said(os.listdir, f"{start}/{folder}/")), said(os.path.exists, f"{start}/{folder}/file"))
    print(said(os.path.realpath, f"{start}/{folder}/inner"), said(os.stat, f"{start}/{folder}/file").st_size, said(os.access, f"{start}/{folder}/file", os.R_OK))
print(said(text, "/proc/self/root/etc/by/file"), said(text, "/proc/self/root/etc/hostname"), said(os.stat, "/proc/self/root/etc/none"))
os.dup2(file, 0)
print(said(text, "/dev/stdin"), said(text, "/proc/self/fd/0"), said(text, "/dev/fd/0"))
