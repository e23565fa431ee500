#!/bin/bash
# Programs that speak UDP: dig, nc and socat, with a name server and an echo beside the pod.
# @world socat -T 5 UDP4-RECVFROM:7010,bind=10.77.0.1,fork EXEC:cat &
# @world dnsmasq --no-daemon --no-resolv --no-hosts --port=5300 --listen-address=10.77.0.1 --bind-interfaces \
# @world   --address=/shop.example/10.1.2.3 --txt-record=long.example,$(printf 'x%.0s' $(seq 200)) --user=root \
# @world   >/dev/null 2>&1 &
# @world until ss -lun | grep -q 10.77.0.1:5300 && ss -lun | grep -q 10.77.0.1:7010; do sleep 0.05; done
# @world echo ready
# @world wait
dig +short +time=5 +tries=2 -p 5300 @10.77.0.1 web.shop.example
dig +short +time=5 +tries=2 -p 5300 @10.77.0.1 long.example TXT
dig +noall +comments +time=5 +tries=2 -p 5300 @10.77.0.1 nowhere.example | grep -o 'status: [A-Z]*'
# A refusal may be lost, as any datagram.
for _ in 1 2 3; do dig +time=3 +tries=1 -p 5399 @10.77.0.1 refused.example | grep -om 1 'connection refused' && break; done
echo of-nc | nc -u -w 2 10.77.0.1 7010
echo of-nc-from-a-port | nc -u -p 5075 -w 2 10.77.0.1 7010
echo of-socat | socat -t 2 - UDP4:10.77.0.1:7010
echo of-socat-unconnected | socat -t 2 - UDP4-DATAGRAM:10.77.0.1:7010
