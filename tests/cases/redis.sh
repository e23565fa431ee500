# A server of another user: its configuration is the pod's.
# @root
# @pod printf 'port 0\nunixsocket /tmp/cases-redis.sock\nsave ""\nmaxmemory 7654321\nloglevel warning\n' >/etc/app-redis.conf
setpriv --reuid nobody --regid nogroup --clear-groups redis-server /etc/app-redis.conf >redis.log &
for try in $(seq 200); do redis-cli -s /tmp/cases-redis.sock ping 2>/dev/null | grep -q PONG && break; sleep 0.1; done
redis-cli -s /tmp/cases-redis.sock config get maxmemory
redis-cli -s /tmp/cases-redis.sock shutdown nosave
wait
