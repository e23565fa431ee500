#!/bin/bash
# What programs print goes to the pod's files by redirection: stdio writes it inside libc, where there is no hook.
# @flags --files-write /data
# @pod rm -f /data/r.*; printf 'b\na\nc\n' >/data/r.in; seq 100000 >/data/r.long
d=/data/r
show() { # the name, size and content of files, as the pod has them
  for f; do echo "$f $(wc -c <"$f"): $(tr '\n' ' ' <"$f")"; done
}
echo old >$d.echo; echo new >$d.echo; printf 'keep=%s\n' x >>$d.echo
ls -d / >$d.ls; awk 'BEGIN { print "append" }' >$d.awk; echo 1 >>$d.awk
sort $d.in >$d.sort; sort -o $d.in $d.in; date -u -d @0 +%F >$d.date
git --version | sed 's/[0-9].*//' >$d.git; git config --file /dev/null --list 2>$d.git2
curl -s file:///usr/share/common-licenses/BSD >$d.curl; curl -s -o $d.curl2 file:///usr/share/common-licenses/BSD
cmp $d.curl /usr/share/common-licenses/BSD; cmp $d.curl2 /usr/share/common-licenses/BSD
echo tee | tee $d.tee | cat; echo more | tee -a $d.tee >/dev/null
show $d.echo $d.ls $d.awk $d.sort $d.in $d.date $d.git $d.git2 $d.tee

echo "== at once"
for i in 1 2 3 4 5 6 7 8; do echo "line $i" >$d.once; cat $d.once; done
{ echo one; ls -d /; python3 -c 'print("two")'; cat <<<three; } >$d.order 2>&1; show $d.order
{ echo out; echo err >&2; ls -d / /none-such; } >$d.both 2>&1; show $d.both
python3 -c 'import os; print("stdio", flush=True); os.write(1, b"hook\n"); print("stdio again", flush=True); os.write(1, b"end\n")' >$d.mixed
show $d.mixed
exec 5>$d.five; echo five >&5; ls -d / >&5; exec 5>&-; show $d.five
exec 6>>$d.five; (echo six; echo seven >&2) >&6 2>&6; exec 6>&-; show $d.five
seq 100000 >$d.seq; cmp $d.seq $d.long; awk '{ print }' $d.long >$d.copy; cmp $d.copy $d.long; sort -n <$d.long | cmp - $d.long

echo "== positions"
printf 0123456789 >$d.at; printf ab | dd of=$d.at bs=1 seek=3 conv=notrunc status=none; show $d.at
printf cd | dd bs=1 seek=6 conv=notrunc status=none 1<>$d.at; show $d.at
printf XY 1<>$d.at; show $d.at
python3 -c 'import os; print("abc", flush=True); os.write(3, b"%d %d\n" % (os.lseek(1, 0, 1), os.fstat(1).st_size)); os.lseek(1, 1, 0); print("Z", flush=True)' 3>&1 >$d.seek
show $d.seek

echo "== input"
while read -r word; do echo "got $word"; done <$d.in
{ read -r first; echo "first $first"; cat; } <$d.in
{ read -r first; sort -r; } <$d.in
md5sum <$d.long; wc -l <$d.long; sort -n <$d.long | tail -1; head -2 <$d.long; tail -1 <$d.long; awk 'END { print NR, $0 }' <$d.long
cat <<end
here $(cat $d.date)
end
cat 0<>$d.date; diff <(cat <$d.in) $d.in && echo same
