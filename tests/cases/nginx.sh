# nginx as root: it daemonizes, its workers become another user, and serve what the pod has.
# @root
# @pod mkdir -p /srv/site; echo 'of the pod' >/srv/site/page; chmod -R a+rX /srv/site
cat >nginx.conf <<CONF
user nobody nogroup;
worker_processes 2;
pid $PWD/nginx.pid;
events {}
http {
  access_log off;
  client_body_temp_path $PWD/body;
  proxy_temp_path $PWD/proxy;
  fastcgi_temp_path $PWD/fastcgi;
  uwsgi_temp_path $PWD/uwsgi;
  scgi_temp_path $PWD/scgi;
  server {
    listen unix:/tmp/cases-nginx.sock;
    location / { root /srv/site; }
  }
}
CONF
rm -f /tmp/cases-nginx.sock
nginx -e stderr -c $PWD/nginx.conf
curl -sS --unix-socket /tmp/cases-nginx.sock http://site/page http://site/page
master=$(cat nginx.pid)
ps -o user= --ppid $master | sort
kill -QUIT $master
while [ -e nginx.pid ]; do sleep 0.05; done  # the pod reaps no orphans: its zombie would stay
