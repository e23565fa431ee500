#!/usr/bin/python3
# ".." behind a symbolic link leads to the parent of the link's target, as it does for the pod's kernel.
# @pod mkdir -p /etc/app/sub /data/real/deep; echo above-the-target >/data/real/up.txt; echo beside-the-link >/etc/app/up.txt
# @pod ln -sfn /data/real/deep /etc/app/link; ln -sfn ../../data/real /etc/app/sub/way; ln -sfn loop /etc/app/loop; ln -sfn /tmp/dotdot/in /data/to-tmp
# @pod mkdir -p /tmp/dotdot/in; echo the-pod-s-tmp >/tmp/dotdot/up.txt; echo plain >/etc/app/sub/plain.txt; ln -sfn deep /data/real/again
# @pod mkdir -p /etc/ssl/certs; echo above-the-directory >/etc/ssl/above.txt; ln -sfn /etc/ssl/certs /data/way
import errno
import os


def said(function, *arguments, **options):
    try:
        return function(*arguments, **options)
    except OSError as error:
        return errno.errorcode[error.errno]


def text(path):
    with open(path) as file:
        return file.read().strip()


for path in (
    "/etc/app/link/../up.txt",
    "/etc/app/../app/link/.././up.txt",
    "/etc/app/sub/way/../real/up.txt",
    "/etc/app/sub/../up.txt",
    "/etc/app/sub/../sub/plain.txt",
    "/etc/app/nothing/../up.txt",
    "/etc/app/up.txt/../up.txt",
    "/etc/app/loop/../up.txt",
    "/data/to-tmp/../up.txt",
    "/data/real/again/../deep/../up.txt",
    "/usr/../etc/app/up.txt",
    "/bin/../../etc/app/up.txt",
    "/bin/../etc/app/up.txt",
    "/tmp/../etc/app/link/../up.txt",
    "/../etc/app/up.txt",
):
    print(path, said(text, path), said(os.path.getsize, path), os.access(path, os.R_OK))
home = os.getcwd()
print("directory:", said(os.chdir, "/data/way"), os.getcwd(), said(text, "../above.txt"))
print("directory:", said(os.chdir, "/data/way/.."), os.getcwd(), said(text, "above.txt"))
os.chdir(home)
print("realpath:", os.path.realpath("/etc/app/link/../up.txt"))
print("stat:", os.path.samefile("/etc/app/link/..", "/data/real"), os.path.samefile("/etc/app/link/../", "/data/real"))
print("list:", sorted(os.listdir("/etc/app/link/..")))
app = os.open("/etc/app", os.O_PATH | os.O_DIRECTORY)
print("from a descriptor:", said(os.stat, "link/../up.txt", dir_fd=app).st_size, said(os.open, "link/../none", 0, dir_fd=app))
print("readlink:", said(os.readlink, "/etc/app/sub/../link"), said(os.readlink, "/etc/app/link/../again"))
