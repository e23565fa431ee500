#!/bin/bash
# nginx with listeners of its own address, of loopback and of IPv6 on one port; and curl with an address and an
# interface of its own.
# @flags --steal
# @world printf 'import http.server\nclass Handler(http.server.BaseHTTPRequestHandler):\n  def do_GET(self):\n    self.send_response(200); self.end_headers(); self.wfile.write(f"{self.client_address[0]}\\n".encode())\n  def log_message(self, *_): pass\nserver = http.server.HTTPServer(("10.77.0.1", 9004), Handler)\nprint("ready", flush=True)\nserver.serve_forever()\n' >world.py; exec python3 world.py
# @drive for host in 10.77.0.2 '[fd77::2]'; do curl -sS -m 10 http://$host:8130/; done
# root in the pod's user namespace is the only user there.
user= ; [ "$(id -u)" != 0 ] || user="user root root;"
cat >nginx.conf <<END
$user
daemon off; master_process off; pid $PWD/nginx.pid; error_log $PWD/error.log;
events {}
http {
  client_body_temp_path $PWD; proxy_temp_path $PWD; fastcgi_temp_path $PWD; uwsgi_temp_path $PWD; scgi_temp_path $PWD;
  access_log $PWD/access.log;
  server { listen 10.77.0.2:8130; listen [::]:8130; return 200 "pod \$server_addr:\$server_port \$remote_addr\n"; }
  server { listen 127.0.0.1:8130; return 200 "loopback \$server_addr:\$server_port\n"; }
}
END
rm -f access.log
/usr/sbin/nginx -p "$PWD" -c "$PWD/nginx.conf" -e "$PWD/error.log" &
for _ in {1..200}; do ! curl -sS -m 5 http://127.0.0.1:8130/ 2>/dev/null || break; sleep 0.05; done
curl -sS -m 10 --interface 10.77.0.2 http://10.77.0.1:9004/
curl -sS -m 10 --interface eth0 http://10.77.0.1:9004/
echo ready
for _ in {1..600}; do [ "$(wc -l <access.log)" -lt 3 ] || break; sleep 0.05; done
kill %1
wait
cat error.log
