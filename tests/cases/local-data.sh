# Servers and tools whose data lie in the working directory, next to a pod that has much of their world.
# @stderr ^inpod: io_uring: [^\n]*\n$
mkdir -p a/deep/er b data
echo text >a/deep/er/file
ln -s deep/er/file a/link
rsync -a a/ b && rsync -a --delete a/ b && diff -r a b && echo synced
printf '%s\n' 'create database shop;' 'use shop;' 'create table t (n int);' 'insert into t values (42);' "select * from t into outfile '$PWD/out';" |
  mariadbd --no-defaults --bootstrap --datadir="$PWD/data" --secure-file-priv= >start.log 2>&1 || tail -n 3 start.log
cat out
