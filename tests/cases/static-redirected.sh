#!/bin/bash
# A static program, where no layer can be, reads and writes files of the pod that it is given.
# @build echo 'int getchar(void), putchar(int), fclose(void*); extern void* stdout; int main() { int c; while ((c = getchar()) >= 0) putchar(c); return fclose(stdout) != 0; }' | gcc -w -static -x c -o $OUT -
# @build echo 'long write(int, void*, long), read(int, void*, long); int main() { char b[99]; return write(5, b, read(4, b, 99)) < 0; }' | gcc -w -static -x c -o $DIR/others -
# @flags --files-write /data
# @pod rm -f /data/t.*; seq 1500000 >/data/t.in; seq 9000000 >/data/t.large; echo small >/data/t.small
# @stderr a static program
copy=$(dirname "$0")/program d=/data/t
$copy <$d.in >$d.out; cmp $d.in $d.out && wc -c <$d.out
$copy <$d.large | md5sum; md5sum <$d.large; $copy <$d.large >$d.out; cmp $d.large $d.out
{ head -c 100 >/dev/null; $copy | md5sum; } <$d.in
echo 1 | $copy >>$d.small; (echo 2; echo 3 | $copy; ls -d /) >>$d.small; cat $d.small
"$(dirname "$0")/others" 4<$d.small 5>$d.five; cat $d.five
