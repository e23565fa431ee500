# The far side of the benchmarks, in the pod: files under /data, an echo on 9000, 256 MB for the asking on 9001.
import os
import socket
import threading

SIZE = 256 << 20
os.makedirs("/data/small", exist_ok=True)
for number in range(100):
    with open(f"/data/small/{number}", "wb") as small:
        small.write(os.urandom(1000))
with open("/data/big", "wb") as big:
    piece = os.urandom(1 << 20)
    for _ in range(SIZE >> 20):
        big.write(piece)


def echo(connection):
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while data := connection.recv(65536):
        connection.sendall(data)
    connection.close()


def pour(connection):
    with open("/data/big", "rb") as file:
        connection.sendfile(file)
    connection.close()


def serve(port, handle):
    listener = socket.create_server(("0.0.0.0", port))
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=handle, args=(connection,), daemon=True).start()


threading.Thread(target=serve, args=(9001, pour), daemon=True).start()
print("ready", flush=True)
serve(9000, echo)
