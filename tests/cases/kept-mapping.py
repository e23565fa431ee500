#!/usr/bin/python3
# A mapping stays as it is, however much of the file is read afterwards, and if a later mapping is refused.
# @pod rm -f /data/huge; seq 1 300000 | head -c 2000000 >/data/huge; truncate -s 6G /data/huge
# @right mapping: 165668 lines
# @right read by pread: 150 MiB
# @right mapping: 165668 lines
# @stderr the program maps more of a remote file than memory should hold
import mmap
import os

fd = os.open("/data/huge", os.O_RDONLY)
first = mmap.mmap(fd, 1 << 20, flags=mmap.MAP_SHARED, prot=mmap.PROT_READ)
lines = first[:].count(b"\n")
print("mapping:", lines, "lines")
try:
    mmap.mmap(fd, os.fstat(fd).st_size, flags=mmap.MAP_SHARED, prot=mmap.PROT_READ)
except OSError:
    pass  # the memory of the machine bounds it outside the pod
done = 0
while done < 150 << 20:
    done += len(os.pread(fd, 1 << 20, done))
print("read by pread:", done >> 20, "MiB")
print("mapping:", first[:].count(b"\n"), "lines")
