"""The program in the test's pod: answers GET with "pod PATH", POST with "pod SIZE SHA256", over IPv4 and IPv6."""
import hashlib
import http.server
import socket
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, text):
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(f"pod {self.path}\n")

    def do_POST(self):
        digest, left, size = hashlib.sha256(), int(self.headers["Content-Length"]), 0
        while left > 0 and (piece := self.rfile.read(min(left, 1 << 16))):
            digest.update(piece)
            left -= len(piece)
            size += len(piece)
        self.answer(f"pod {size} {digest.hexdigest()}\n")

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
    request_queue_size = 1024

    def server_bind(self):
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


server = Server(("::", int(sys.argv[1])), Handler)
print("ready", flush=True)
server.serve_forever()
