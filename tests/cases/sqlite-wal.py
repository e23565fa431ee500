#!/usr/bin/python3
# SQLite's WAL mode shares memory by a file between processes, which can't be carried to the pod: one line says so, and what to do.
# @flags --files-write /data
# @pod rm -f /data/w.*
# @only-outside
# @stderr /data/w.db-shm: .*journal_mode=WAL.*locking_mode=EXCLUSIVE.*files.local
# @right ('wal',)
# @right disk I/O error
import sqlite3

database = sqlite3.connect("/data/w.db")
try:
    print(database.execute("PRAGMA journal_mode=WAL").fetchone())
    database.execute("CREATE TABLE t (n)")
    database.commit()
except sqlite3.OperationalError as error:
    print(error)
