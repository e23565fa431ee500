#!/usr/bin/python3
# Threads, processes and duplicates that share a descriptor, and so its position: nobody gets what another one got.
# @flags --files-write /data
# @pod chmod 777 /data
# @pod python3 -c "open('/data/blocks', 'wb').write(b''.join(i.to_bytes(8, 'little') * 512 for i in range(8192)))"
# @pod cp /data/blocks /data/blocks-w; rm -rf /data/names /data/log; mkdir /data/names; cd /data/names; seq -f n%g 3000 | xargs touch
# @pod chmod -R a+rwX /data/blocks-w /data/names; : >/data/log; chmod 666 /data/log
# @right threads, read: 8192 blocks, each once
# @right threads, readv: 8192 blocks, each once
# @right threads, large reads: 8192 blocks, each once
# @right threads, opened for writing: 8192 blocks, each once
# @right threads, opened for writing, large reads: 8192 blocks, each once
# @right duplicates: 8192 blocks, each once
# @right processes: 8192 blocks, each once
# @right names: 3002, each once
# @right appended: 64 blocks, each whole
# @right written: 64 blocks, each whole
import collections
import ctypes
import os
import struct
import threading

BLOCK = 4096


def numbers(data):
    return [struct.unpack("<Q", data[at : at + 8])[0] for at in range(0, len(data), BLOCK)]


def by_read(fd, size=BLOCK):
    found = []
    while data := os.read(fd, size):
        found += numbers(data)
    return found


def by_readv(fd):
    found, parts = [], [bytearray(1024), bytearray(BLOCK - 1024)]
    while os.readv(fd, parts) > 0:
        found += numbers(b"".join(parts))
    return found


def in_threads(work, *arguments, count=4):
    found = []
    threads = [threading.Thread(target=lambda n=n: found.append(work(*arguments, n))) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [one for part in found for one in part]


def in_processes(work, fd):
    pipes = []
    for _ in range(4):
        reading, writing = os.pipe()
        if os.fork() == 0:
            found = struct.pack(f"<{len(part := work(fd))}Q", *part)
            with open(writing, "wb") as out:
                out.write(found)
            os._exit(0)
        os.close(writing)
        pipes.append(open(reading, "rb"))
    found = []
    for pipe in pipes:
        data = pipe.read()
        found += struct.unpack(f"<{len(data) // 8}Q", data)
    for _ in pipes:
        os.wait()
    return found


def report(what, found):
    seen = collections.Counter(found)
    once = "each once" if max(seen.values()) == 1 else f"{sum(n > 1 for n in seen.values())} more than once"
    print(f"{what}: {len(found)} blocks, {once}", flush=True)


def opened(flags=os.O_RDONLY, path="/data/blocks"):
    return os.open(path, flags)


report("threads, read", in_threads(lambda fd, n: by_read(fd), opened()))
report("threads, readv", in_threads(lambda fd, n: by_readv(fd), opened()))
report("threads, large reads", in_threads(lambda fd, n: by_read(fd, 3 << 20), opened()))
report("threads, opened for writing", in_threads(lambda fd, n: by_read(fd), opened(os.O_RDWR, "/data/blocks-w")))
report(
    "threads, opened for writing, large reads",
    in_threads(lambda fd, n: by_read(fd, 3 << 20), opened(os.O_RDWR, "/data/blocks-w")),
)
first = opened()
copies = [first, os.dup(first), os.dup(first), os.dup(first)]
report("duplicates", in_threads(lambda n: by_read(copies[n])))
report("processes", in_processes(by_read, opened()))

libc = ctypes.CDLL(None, use_errno=True)


def names(fd, n):
    found, records = [], ctypes.create_string_buffer(700)
    while (got := libc.getdents64(fd, records, 700)) > 0:
        at = 0
        while at < got:
            length = struct.unpack_from("<H", records, at + 16)[0]
            found.append(records.raw[at + 19 : at + length].split(b"\0")[0])
            at += length
    return found


listed = in_threads(names, os.open("/data/names", os.O_DIRECTORY))
print(f"names: {len(listed)}, {'each once' if len(set(listed)) == len(listed) else 'some twice'}")


def put(fd, size, n):
    for _ in range(16):
        os.write(fd, bytes([65 + n]) * size)
    return []


def whole_blocks(path, size):
    data = open(path, "rb").read()
    blocks = [data[at : at + size] for at in range(0, len(data), size)]
    return f"{len(blocks)} blocks, {'each whole' if all(len(set(b)) == 1 for b in blocks) else 'some mixed'}"


in_threads(put, os.open("/data/log", os.O_WRONLY | os.O_APPEND), 300000)
print("appended:", whole_blocks("/data/log", 300000))
in_threads(put, os.open("/data/written", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1200000)
print("written:", whole_blocks("/data/written", 1200000))
