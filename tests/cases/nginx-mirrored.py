#!/usr/bin/python3
# nginx with an upstream that takes its time gets copies of requests that the pod answers at once: it serves each of
# them to its end. One whose client has gone would be logged as 499.
# @only-outside
# @pod python3 /cases/nginx-mirrored.py/nginx-mirrored.py pod
# @drive for i in 1 2 3; do python3 nginx-mirrored.py client; done
# @right ready
# @right ['200', '200', '200']
# @right the pod's
# @right the pod's
# @right the pod's
import http.client
import http.server
import os
import socket
import subprocess
import sys
import threading
import time

CONFIGURATION = """
daemon off; pid nginx.pid; error_log error.log; worker_processes 1; events {}
http {
  log_format status $status; access_log access.log status;
  client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
  server { listen 0.0.0.0:8080; location / { proxy_pass http://127.0.0.1:%d; } }
}
"""


class Handler(http.server.BaseHTTPRequestHandler):
    pause, body = 0, b"the pod's"

    def do_GET(self):
        time.sleep(self.pause)  # what the answer takes; not a wait for something
        self.send_response(200)
        self.send_header("Content-Length", len(self.body))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_):
        pass


if sys.argv[1:] == ["client"]:
    connection = http.client.HTTPConnection("10.77.0.2", 8080, timeout=20)
    connection.request("GET", "/")
    print(connection.getresponse().read().decode())
    connection.close()
    sys.exit()
if sys.argv[1:] == ["pod"]:
    server = http.server.HTTPServer(("0.0.0.0", 8080), Handler)
    ready, tell = os.pipe()
    if os.fork() == 0:
        os.setsid()  # or it would be ended with its starter's process group
        os.close(tell)
        os.close(1)
        os.close(2)
        for _ in range(3):
            server.handle_request()
    os.close(tell)
    os.read(ready, 1)
    os._exit(0)

Handler.pause, Handler.body = 0.3, b"the upstream's"
upstream = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=upstream.serve_forever, daemon=True).start()
with open("nginx.conf", "w") as file:
    file.write(CONFIGURATION % upstream.server_port)
nginx = subprocess.Popen(["/usr/sbin/nginx", "-p", os.getcwd(), "-c", os.getcwd() + "/nginx.conf"],
                         stderr=subprocess.DEVNULL)
until = time.monotonic() + 30
while time.monotonic() < until:
    try:
        socket.create_connection(("127.0.0.1", 8080), 1).close()
        break
    except OSError:
        time.sleep(0.05)
print("ready", flush=True)
codes = []
while len(codes) < 3 and time.monotonic() < until:
    time.sleep(0.05)
    codes = open("access.log").read().split()
nginx.terminate()
nginx.wait(20)
print(codes)
