#!/usr/bin/python3
# SQLite's databases in the pod: its rollback journals, and WAL where one process alone has the database.
# @flags --files-write /data
# @pod rm -f /data/q.*
import os
import sqlite3
import subprocess


def fill(name, *pragmas):
    database = sqlite3.connect(f"/data/q.{name}", timeout=20, isolation_level=None)
    for pragma in pragmas:
        print(name, pragma, database.execute(f"PRAGMA {pragma}").fetchone())
    database.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, word TEXT)")
    database.execute("BEGIN")
    database.executemany("INSERT INTO t (word) VALUES (?)", [(f"word {i}",) for i in range(2000)])
    database.execute("COMMIT")
    print(name, database.execute("SELECT count(*), max(word) FROM t").fetchone())
    database.close()
    told = subprocess.run(
        ["sqlite3", f"/data/q.{name}", "PRAGMA locking_mode=EXCLUSIVE; PRAGMA integrity_check; SELECT sum(n) FROM t;"],
        capture_output=True, text=True)
    print(name, told.stdout.split(), told.stderr)


for mode in "delete", "truncate", "persist":
    fill(mode, f"journal_mode={mode}")
fill("wal", "locking_mode=exclusive", "journal_mode=wal")
with open("/data/q.sql", "w") as script:
    script.write("CREATE TABLE s (a); INSERT INTO s VALUES ('x'), ('y'); SELECT count(*) FROM s;\n")
subprocess.run("sqlite3 /data/q.shell < /data/q.sql > /data/q.out; cat /data/q.out", shell=True)
print(sorted(name for name in os.listdir("/data") if name.startswith("q.")))
