#!/bin/bash
# The kernel's files about the network are the pod's: Java finds its IPv6 addresses there, others their routes.
cat /proc/net/if_inet6
cut -d: -f1 /proc/net/dev
cut -f1-4 /proc/self/net/route
python3 -c 'print(sorted(line.split()[1] for line in open("/proc/net/tcp6")))'
ls /proc/net/ | grep -c tcp
ls /sys/class/net 2>/dev/null || echo none
