# A runtime that the user preloads comes before the layer in everything that is started.
# @right web-5d8f
# @right 1
export LD_PRELOAD="$(gcc -print-file-name=libasan.so):$LD_PRELOAD" ASAN_OPTIONS=detect_leaks=0
python3 -c 'print(open("/etc/hostname").read().strip())'
grep -q asan /proc/self/maps && echo 1
