#!/usr/bin/env bash
# Two replicas of an address book, with nothing but the sqlite3 shell and the crdtsql command.
# Run it: bash examples/from_the_shell.sh
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export CRDTSQL_STATE_DIR="$folder/state"   # so that the example leaves nothing behind
cd "$folder"

# Runs one statement. Without the sqlite3 shell, Python's sqlite3 module does the same in a process of its own.
sql() {
  if command -v sqlite3 > /dev/null; then
    sqlite3 -batch "$1" "$2"
  else
    python3 -c '
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
for row in connection.execute(sys.argv[2]):
    print("|".join("" if part is None else str(part) for part in row))
connection.close()' "$1" "$2"
  fi
}

# Shows a command and runs it.
run() { echo "\$ $*"; "$@"; }

echo "-- An address book, made with plain SQLite, becomes a replicated one; a clone goes to the phone."
sql desk.db "CREATE TABLE person (name TEXT PRIMARY KEY NOT NULL, phone TEXT, city TEXT)"
sql desk.db "INSERT INTO person VALUES ('Ada', '1', 'London'), ('Grace', '2', 'New York'), ('Alan', '3', 'London')"
run crdtsql enable desk.db person
run crdtsql clone desk.db phone.db

echo
echo "-- Both are edited offline."
run sql desk.db "UPDATE person SET city = 'Paris' WHERE name = 'Ada'"
run sql desk.db "DELETE FROM person WHERE name = 'Alan'"
run sql desk.db "UPDATE person SET phone = '20' WHERE name = 'Grace'"
run sql phone.db "UPDATE person SET phone = '10' WHERE name = 'Ada'"
run sql phone.db "INSERT INTO person VALUES ('Edsger', '4', 'Austin')"
run sql phone.db "UPDATE person SET phone = '22' WHERE name = 'Grace'"

echo
echo "-- The desk sends what the phone lacks, as a file; then the other way round."
crdtsql vector phone.db > phone.vector
run crdtsql export desk.db --for phone.vector -o to-phone.crdt
run crdtsql inspect to-phone.crdt
run crdtsql import phone.db to-phone.crdt
crdtsql vector desk.db > desk.vector
run crdtsql export phone.db --for desk.vector -o to-desk.crdt
run crdtsql import desk.db to-desk.crdt

echo
echo "-- What both have now, and the phone number of which one edit overwrote another that it did not know:"
for file in desk phone; do
  sql $file.db "SELECT * FROM person ORDER BY name" > $file.txt
done
cat desk.txt
sql phone.db 'SELECT "key" || ": " || won_value || " is shown, " || lost_value || " was overwritten" FROM crdt_conflicts'

if ! diff desk.txt phone.txt; then
  echo "THE REPLICAS DIFFER."
  exit 1
fi
echo "The replicas are equal."
