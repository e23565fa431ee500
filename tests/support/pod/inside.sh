#!/usr/bin/env bash
# Inside the new namespaces of a pod (see up): builds the root, enters it, and becomes the command.
set -euo pipefail
dir=$1; shift
read -r pid _ </proc/self/stat  # the caller's /proc is still mounted here, so this is the pid that the caller sees
root=$dir/root
mkdir -p "$root"
mount -t tmpfs -o mode=755 pod "$root"
mkdir -p "$root"/{dev,proc,sys,etc,tmp,var/tmp,run,data,home,root,old}
chmod 1777 "$root/tmp" "$root/var/tmp"
for part in bin sbin lib lib32 lib64 libx32 usr; do
  if [ -L "/$part" ]; then cp -d "/$part" "$root/$part"
  elif [ -d "/$part" ]; then mkdir -p "$root/$part"; mount --bind "/$part" "$root/$part"; mount -o remount,bind,ro "$root/$part"; fi
done
for file in passwd group ld.so.cache ld.so.conf alternatives services protocols nsswitch.conf; do
  [ ! -e "/etc/$file" ] || cp -dR --preserve=mode,timestamps "/etc/$file" "$root/etc/"
done
[ -e "$root/etc/services" ] || printf 'http 80/tcp www\nhttps 443/tcp\nhttps 443/udp\ndomain 53/tcp\ndomain 53/udp\n' >"$root/etc/services"
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
printf 'nameserver 10.77.0.1\nsearch shop.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5 timeout:1 attempts:2\n' >"$root/etc/resolv.conf"
cat >"$root/etc/hosts" <<'HOSTS'
127.0.0.1	localhost
::1	localhost ip6-localhost ip6-loopback
10.77.0.2	web-5d8f web-5d8f.web.shop.svc.cluster.local
10.88.0.1	twice.hosts.test twice
fd88::1	twice.hosts.test
HOSTS
echo web-5d8f >"$root/etc/hostname"
for node in null zero full random urandom tty; do : >"$root/dev/$node"; mount --bind "/dev/$node" "$root/dev/$node"; done
ln -s /proc/self/fd "$root/dev/fd"
for number in 0:stdin 1:stdout 2:stderr; do ln -s "/proc/self/fd/${number%:*}" "$root/dev/${number#*:}"; done
hostname web-5d8f
mount -t proc proc "$root/proc"
cd "$root"
exec 3<>"$dir/go"
echo "$pid" >"$dir/pid.new"; mv "$dir/pid.new" "$dir/pid"
read -r _ <&3  # the network is ready
exec 3>"$dir/started"  # soon out of reach
pivot_root . old
umount -l /old; rmdir /old
cd /
echo started >&3; exec 3>&-
exec "$@"
