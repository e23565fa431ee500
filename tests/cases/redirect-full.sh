#!/bin/bash
# A write that fails in the pod is told to the program that closes its output, as there.
# @flags --files-write /dev/full
# @stderr ls: write error: No space left on device
# @right ls 2, date 1, sort 2, cat 1, python3 1
# @only-outside
ls -d / >/dev/full; ls=$?
date -u >/dev/full 2>/dev/null; date=$?
sort /etc/hostname >/dev/full 2>/dev/null; sort=$?
cat /etc/hostname >/dev/full 2>/dev/null; cat=$?
python3 -c 'import sys; print(1); sys.stdout.flush()' >/dev/full 2>/dev/null; python=$?
echo "ls $ls, date $date, sort $sort, cat $cat, python3 $python"
