BEGIN TRANSACTION;
CREATE TABLE "_crdt_clock_pair" (
  -- One row per row of the user's table that changed since it was enabled; cN_t, cN_s where a cell's stamp is not t, s.
  k1 INTEGER NOT NULL COLLATE BINARY,
  k2 TEXT NOT NULL COLLATE BINARY,
  t INTEGER NOT NULL,
  s INTEGER NOT NULL,
  dot_t INTEGER,
  dot_s INTEGER,
  gone INTEGER,
  many INTEGER,
  held INTEGER,
  seq INTEGER,
  c0_t INTEGER, c0_s INTEGER,
  PRIMARY KEY (k1, k2)
) WITHOUT ROWID;
INSERT INTO "_crdt_clock_pair" VALUES(1,'x',111411200065536003,1,111411201507328000,1,NULL,NULL,NULL,8,111411201507328000,1);
CREATE TABLE "_crdt_clock_task" (
  -- One row per row of the user's table that changed since it was enabled; cN_t, cN_s where a cell's stamp is not t, s.
  k1 TEXT NOT NULL COLLATE NOCASE,
  t INTEGER NOT NULL,
  s INTEGER NOT NULL,
  dot_t INTEGER,
  dot_s INTEGER,
  gone INTEGER,
  many INTEGER,
  held INTEGER,
  seq INTEGER,
  c0_t INTEGER, c0_s INTEGER,
  c1_t INTEGER, c1_s INTEGER,
  PRIMARY KEY (k1)
) WITHOUT ROWID;
INSERT INTO "_crdt_clock_task" VALUES('t1',111411200065536000,1,111411201245184000,1,NULL,NULL,NULL,6,111411201245184000,1,111411200458752000,1);
INSERT INTO "_crdt_clock_task" VALUES('t2',111411200065536001,1,111411200720896000,1,NULL,1,NULL,4,111411200720896000,1,111411200458752001,1);
INSERT INTO "_crdt_clock_task" VALUES('t3',111411200065536002,1,111411201376256000,1,1,NULL,1,7,111411200458752002,1,111411200851968000,3);
CREATE TABLE _crdt_column (
  -- Key columns have id -1, -2, ... in the order of the key, value columns 0, 1, ...: the bit in the changed-column mask.
  tbl INTEGER NOT NULL,
  id INTEGER NOT NULL,
  name TEXT NOT NULL,
  type TEXT NOT NULL DEFAULT 'lww',
  since INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (tbl, id)
) WITHOUT ROWID;
INSERT INTO "_crdt_column" VALUES(1,-2,'b','lww',0);
INSERT INTO "_crdt_column" VALUES(1,-1,'a','lww',0);
INSERT INTO "_crdt_column" VALUES(1,0,'v','lww',0);
INSERT INTO "_crdt_column" VALUES(2,-1,'id','lww',0);
INSERT INTO "_crdt_column" VALUES(2,0,'title','lww',0);
INSERT INTO "_crdt_column" VALUES(2,1,'n','lww',0);
CREATE TABLE _crdt_conflict (
  -- Concurrent overwrites: the value that won and the value that lost, with their stamps.
  id INTEGER PRIMARY KEY,
  tbl INTEGER NOT NULL,
  col INTEGER NOT NULL,
  won_t INTEGER NOT NULL,
  won_s INTEGER NOT NULL,
  won,
  lost_t INTEGER NOT NULL,
  lost_s INTEGER NOT NULL,
  lost,
  k1
, k2);
INSERT INTO "_crdt_conflict" VALUES(1,1,0,111411200589824002,2,'of b',111411200458752003,1,'of a',1,'x');
INSERT INTO "_crdt_conflict" VALUES(2,2,0,111411200589824000,2,'of b',111411200458752000,1,'of a','t1',NULL);
INSERT INTO "_crdt_conflict" VALUES(3,2,0,111411200720896000,1,'late of a',111411200589824001,2,'of b','t2',NULL);
INSERT INTO "_crdt_conflict" VALUES(4,2,1,111411200851968000,3,30,111411200458752002,1,10,'t3',NULL);
CREATE TABLE "_crdt_heads_pair" (
  -- Further latest events of rows that several sites wrote or deleted concurrently; gone marks a delete.
  k1 INTEGER NOT NULL COLLATE BINARY,
  k2 TEXT NOT NULL COLLATE BINARY,
  s INTEGER NOT NULL,
  t INTEGER NOT NULL,
  gone INTEGER,
  PRIMARY KEY (k1, k2, s)
) WITHOUT ROWID;
CREATE TABLE "_crdt_heads_task" (
  -- Further latest events of rows that several sites wrote or deleted concurrently; gone marks a delete.
  k1 TEXT NOT NULL COLLATE NOCASE,
  s INTEGER NOT NULL,
  t INTEGER NOT NULL,
  gone INTEGER,
  PRIMARY KEY (k1, s)
) WITHOUT ROWID;
INSERT INTO "_crdt_heads_task" VALUES('t2',2,111411200589824001,NULL);
CREATE TABLE "_crdt_held_pair" (
  -- Rows that the user's table does not show, with their values. reason: deleted.
  id INTEGER PRIMARY KEY,
  reason TEXT,
  k1, k2, v0
);
CREATE TABLE "_crdt_held_task" (
  -- Rows that the user's table does not show, with their values. reason: deleted.
  id INTEGER PRIMARY KEY,
  reason TEXT,
  k1, v0, v1
);
INSERT INTO "_crdt_held_task" VALUES(1,'deleted','t3','of a',30);
CREATE TABLE _crdt_log (
  -- What the triggers append: at is a julian day, op 1 insert, 2 delete, 3 perhaps evicted, 4 + w update of mask word w;
  -- detail is the mask of an update, or the held row of a delete.
  seq INTEGER PRIMARY KEY,
  at,
  op,
  tbl,
  detail,
  k1
, k2);
INSERT INTO "_crdt_log" VALUES(1,2461366.03434706,4,2,2,'t2',NULL);
CREATE TABLE _crdt_merged (
  -- What a site knew: before its event at hlc "at" it had merged the events of peer up to upto.
  site INTEGER NOT NULL,
  peer INTEGER NOT NULL,
  at INTEGER NOT NULL,
  upto INTEGER NOT NULL,
  PRIMARY KEY (site, peer, at)
) WITHOUT ROWID;
INSERT INTO "_crdt_merged" VALUES(1,2,111411201245184000,111411200589824002);
INSERT INTO "_crdt_merged" VALUES(1,3,111411201245184000,111411200851968000);
INSERT INTO "_crdt_merged" VALUES(2,1,111411200589824000,111411200065536003);
INSERT INTO "_crdt_merged" VALUES(3,1,111411200851968000,111411200065536003);
CREATE TABLE _crdt_meta (
  -- One row per fact about this file: format, self (ordinal of the local site), clock, batch, home, generation, nonce, ...
  name TEXT NOT NULL PRIMARY KEY,
  value
) WITHOUT ROWID;
INSERT INTO "_crdt_meta" VALUES('batch',8);
INSERT INTO "_crdt_meta" VALUES('clock',111411201507328000);
INSERT INTO "_crdt_meta" VALUES('format',1);
INSERT INTO "_crdt_meta" VALUES('generation',9);
INSERT INTO "_crdt_meta" VALUES('home','{}');
INSERT INTO "_crdt_meta" VALUES('nonce','0123456789abcdef');
INSERT INTO "_crdt_meta" VALUES('schema_version',38);
INSERT INTO "_crdt_meta" VALUES('self',1);
INSERT INTO "_crdt_meta" VALUES('unsynced',0);
CREATE TABLE _crdt_peer (
  -- The version vectors that peers were last known to have.
  site INTEGER NOT NULL,
  known INTEGER NOT NULL,
  upto INTEGER NOT NULL,
  PRIMARY KEY (site, known)
) WITHOUT ROWID;
INSERT INTO "_crdt_peer" VALUES(2,1,111411200065536003);
INSERT INTO "_crdt_peer" VALUES(2,2,111411200589824002);
INSERT INTO "_crdt_peer" VALUES(3,1,111411200065536003);
INSERT INTO "_crdt_peer" VALUES(3,3,111411200851968000);
CREATE TABLE _crdt_progress (
  -- How the version vector grew: in batch seq the entry of site rose to upto. Finds where an export must start.
  seq INTEGER NOT NULL,
  site INTEGER NOT NULL,
  upto INTEGER NOT NULL,
  PRIMARY KEY (seq, site)
) WITHOUT ROWID;
INSERT INTO "_crdt_progress" VALUES(1,1,111411200065536003);
INSERT INTO "_crdt_progress" VALUES(2,1,111411200458752003);
INSERT INTO "_crdt_progress" VALUES(3,1,111411200720896000);
INSERT INTO "_crdt_progress" VALUES(4,2,111411200589824002);
INSERT INTO "_crdt_progress" VALUES(5,3,111411200851968000);
INSERT INTO "_crdt_progress" VALUES(6,1,111411201245184000);
INSERT INTO "_crdt_progress" VALUES(7,1,111411201376256000);
INSERT INTO "_crdt_progress" VALUES(8,1,111411201507328000);
CREATE TABLE _crdt_site (
  -- Sites by local ordinal; upto is the version vector: every event of the site up to this hlc is in this file.
  ordinal INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE,
  upto INTEGER NOT NULL DEFAULT 0
);
INSERT INTO "_crdt_site" VALUES(1,X'01000000000000000000000000000000',111411201507328000);
INSERT INTO "_crdt_site" VALUES(2,X'02000000000000000000000000000000',111411200589824002);
INSERT INTO "_crdt_site" VALUES(3,X'03000000000000000000000000000000',111411200851968000);
CREATE TABLE _crdt_table (
  -- Replicated tables. A row without a clock row belongs to the genesis (genesis_t, genesis_s).
  -- bulk: the latest batch whose rows are not in the seq index because they were a large part of the table.
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE COLLATE NOCASE,
  key_count INTEGER NOT NULL,
  identity TEXT NOT NULL DEFAULT 'key',
  rows TEXT NOT NULL DEFAULT 'add-wins',
  granularity TEXT NOT NULL DEFAULT 'column',
  genesis_t INTEGER,
  genesis_s INTEGER,
  bulk INTEGER NOT NULL DEFAULT 0
);
INSERT INTO "_crdt_table" VALUES(1,'pair',2,'key','add-wins','column',NULL,NULL,0);
INSERT INTO "_crdt_table" VALUES(2,'task',1,'key','add-wins','column',NULL,NULL,0);
CREATE TABLE pair (a INTEGER, b TEXT, v, PRIMARY KEY (a, b)) WITHOUT ROWID;
INSERT INTO "pair" VALUES(1,'x','later');
CREATE TABLE task (id TEXT PRIMARY KEY COLLATE NOCASE, title TEXT, n INTEGER);
INSERT INTO "task" VALUES('t1','settled',10);
INSERT INTO "task" VALUES('t2','late of a',5);
CREATE VIEW crdt_conflicts AS
-- Every concurrent overwrite that this file has seen; "key" is the key itself, or its parts as SQL literals.
SELECT
  conflict.id AS id,
  known.name AS "table",
  CASE known.key_count WHEN 1 THEN conflict.k1 ELSE ifnull(quote(conflict.k1), '') || ', ' || ifnull(quote(conflict.k2), '') END AS "key",
  field.name AS "column",
  conflict.won AS won_value,
  lower(hex(winner.id)) AS won_site,
  datetime(((conflict.won_t & 4611686018427387903) >> 16) / 1000, 'unixepoch') AS won_time,
  conflict.lost AS lost_value,
  lower(hex(loser.id)) AS lost_site,
  datetime(((conflict.lost_t & 4611686018427387903) >> 16) / 1000, 'unixepoch') AS lost_time
FROM _crdt_conflict AS conflict
JOIN _crdt_table AS known ON known.id = conflict.tbl
JOIN _crdt_column AS field ON field.tbl = conflict.tbl AND field.id = conflict.col
JOIN _crdt_site AS winner ON winner.ordinal = conflict.won_s
JOIN _crdt_site AS loser ON loser.ordinal = conflict.lost_s;
CREATE INDEX "_crdt_seq_pair" ON "_crdt_clock_pair" (seq) WHERE seq IS NOT NULL;
CREATE TRIGGER "_crdt_insert_pair" AFTER INSERT ON "pair"
BEGIN
  INSERT INTO _crdt_log (at, op, tbl, k1, k2)
  VALUES (julianday('now'), 1, 1, NEW."a", NEW."b");
END;
CREATE TRIGGER "_crdt_delete_pair" AFTER DELETE ON "pair"
BEGIN
  INSERT INTO "_crdt_held_pair" (reason, k1, k2, v0)
  VALUES ('deleted', OLD."a", OLD."b", OLD."v");
  INSERT INTO _crdt_log (at, op, tbl, detail, k1, k2)
  VALUES (julianday('now'), 2, 1, last_insert_rowid(), OLD."a", OLD."b");
END;
CREATE TRIGGER "_crdt_rekey_pair" AFTER UPDATE OF "a", "b" ON "pair"
WHEN (OLD."a" COLLATE BINARY IS NOT NEW."a" OR typeof(OLD."a") <> typeof(NEW."a"))
  OR OLD."b" COLLATE BINARY IS NOT NEW."b"
BEGIN
  INSERT INTO "_crdt_held_pair" (reason, k1, k2, v0)
  VALUES ('deleted', OLD."a", OLD."b", OLD."v");
  INSERT INTO _crdt_log (at, op, tbl, detail, k1, k2)
  VALUES (julianday('now'), 2, 1, last_insert_rowid(), OLD."a", OLD."b");
  INSERT INTO _crdt_log (at, op, tbl, k1, k2)
  VALUES (julianday('now'), 1, 1, NEW."a", NEW."b");
END;
CREATE TRIGGER "_crdt_update_pair" AFTER UPDATE ON "pair"
WHEN (OLD."v" COLLATE BINARY IS NOT NEW."v" OR typeof(OLD."v") <> typeof(NEW."v"))
BEGIN
  INSERT INTO _crdt_log (at, op, tbl, detail, k1, k2)
  VALUES (julianday('now'), 4, 1, (((OLD."v" COLLATE BINARY IS NOT NEW."v" OR typeof(OLD."v") <> typeof(NEW."v"))) << 0), NEW."a", NEW."b");
END;
CREATE TRIGGER "_crdt_evict_key_pair" BEFORE UPDATE OF "a", "b" ON "pair"
WHEN EXISTS (SELECT 1 FROM "pair" AS crdt_row WHERE crdt_row."a" = NEW."a" AND crdt_row."b" = NEW."b" AND NOT (crdt_row."a" IS OLD."a" AND crdt_row."b" IS OLD."b"))
BEGIN
  -- UPDATE OR REPLACE deletes this row without firing a delete trigger; fold looks whether it is still there.
  INSERT INTO "_crdt_held_pair" (reason, k1, k2, v0)
  SELECT 'deleted', "a", "b", "v" FROM "pair" AS crdt_row WHERE crdt_row."a" = NEW."a" AND crdt_row."b" = NEW."b" AND NOT (crdt_row."a" IS OLD."a" AND crdt_row."b" IS OLD."b");
  INSERT INTO _crdt_log (at, op, tbl, detail, k1, k2)
  SELECT julianday('now'), 3, 1, last_insert_rowid(), "a", "b"
  FROM "pair" AS crdt_row WHERE crdt_row."a" = NEW."a" AND crdt_row."b" = NEW."b" AND NOT (crdt_row."a" IS OLD."a" AND crdt_row."b" IS OLD."b");
END;
CREATE INDEX "_crdt_seq_task" ON "_crdt_clock_task" (seq) WHERE seq IS NOT NULL;
CREATE TRIGGER "_crdt_insert_task" AFTER INSERT ON "task"
BEGIN
  INSERT INTO _crdt_log (at, op, tbl, k1)
  VALUES (julianday('now'), 1, 2, NEW."id");
END;
CREATE TRIGGER "_crdt_delete_task" AFTER DELETE ON "task"
BEGIN
  INSERT INTO "_crdt_held_task" (reason, k1, v0, v1)
  VALUES ('deleted', OLD."id", OLD."title", OLD."n");
  INSERT INTO _crdt_log (at, op, tbl, detail, k1)
  VALUES (julianday('now'), 2, 2, last_insert_rowid(), OLD."id");
END;
CREATE TRIGGER "_crdt_rekey_task" AFTER UPDATE OF "id" ON "task"
WHEN OLD."id" COLLATE BINARY IS NOT NEW."id"
BEGIN
  INSERT INTO "_crdt_held_task" (reason, k1, v0, v1)
  VALUES ('deleted', OLD."id", OLD."title", OLD."n");
  INSERT INTO _crdt_log (at, op, tbl, detail, k1)
  VALUES (julianday('now'), 2, 2, last_insert_rowid(), OLD."id");
  INSERT INTO _crdt_log (at, op, tbl, k1)
  VALUES (julianday('now'), 1, 2, NEW."id");
END;
CREATE TRIGGER "_crdt_update_task" AFTER UPDATE ON "task"
WHEN OLD."title" COLLATE BINARY IS NOT NEW."title"
  OR (OLD."n" COLLATE BINARY IS NOT NEW."n" OR typeof(OLD."n") <> typeof(NEW."n"))
BEGIN
  INSERT INTO _crdt_log (at, op, tbl, detail, k1)
  VALUES (julianday('now'), 4, 2, ((OLD."title" COLLATE BINARY IS NOT NEW."title") << 0)
    | (((OLD."n" COLLATE BINARY IS NOT NEW."n" OR typeof(OLD."n") <> typeof(NEW."n"))) << 1), NEW."id");
END;
CREATE TRIGGER "_crdt_evict_key_task" BEFORE UPDATE OF "id" ON "task"
WHEN EXISTS (SELECT 1 FROM "task" AS crdt_row WHERE crdt_row."id" = NEW."id" AND NOT (crdt_row."id" IS OLD."id"))
BEGIN
  -- UPDATE OR REPLACE deletes this row without firing a delete trigger; fold looks whether it is still there.
  INSERT INTO "_crdt_held_task" (reason, k1, v0, v1)
  SELECT 'deleted', "id", "title", "n" FROM "task" AS crdt_row WHERE crdt_row."id" = NEW."id" AND NOT (crdt_row."id" IS OLD."id");
  INSERT INTO _crdt_log (at, op, tbl, detail, k1)
  SELECT julianday('now'), 3, 2, last_insert_rowid(), "id"
  FROM "task" AS crdt_row WHERE crdt_row."id" = NEW."id" AND NOT (crdt_row."id" IS OLD."id");
END;
CREATE TRIGGER "_crdt_evict_insert_rowid_task" BEFORE INSERT ON "task"
WHEN EXISTS (SELECT 1 FROM "task" AS crdt_row WHERE crdt_row.rowid = NEW.rowid)
BEGIN
  -- INSERT OR REPLACE deletes this row without firing a delete trigger; fold looks whether it is still there.
  INSERT INTO "_crdt_held_task" (reason, k1, v0, v1)
  SELECT 'deleted', "id", "title", "n" FROM "task" AS crdt_row WHERE crdt_row.rowid = NEW.rowid;
  INSERT INTO _crdt_log (at, op, tbl, detail, k1)
  SELECT julianday('now'), 3, 2, last_insert_rowid(), "id" FROM "task" AS crdt_row WHERE crdt_row.rowid = NEW.rowid;
END;
CREATE TRIGGER "_crdt_evict_update_rowid_task" BEFORE UPDATE OF rowid, oid, _rowid_ ON "task"
WHEN EXISTS (SELECT 1 FROM "task" AS crdt_row WHERE crdt_row.rowid = NEW.rowid AND NOT (crdt_row."id" IS OLD."id"))
BEGIN
  -- UPDATE OR REPLACE deletes this row without firing a delete trigger; fold looks whether it is still there.
  INSERT INTO "_crdt_held_task" (reason, k1, v0, v1)
  SELECT 'deleted', "id", "title", "n" FROM "task" AS crdt_row WHERE crdt_row.rowid = NEW.rowid AND NOT (crdt_row."id" IS OLD."id");
  INSERT INTO _crdt_log (at, op, tbl, detail, k1)
  SELECT julianday('now'), 3, 2, last_insert_rowid(), "id"
  FROM "task" AS crdt_row WHERE crdt_row.rowid = NEW.rowid AND NOT (crdt_row."id" IS OLD."id");
END;
CREATE TRIGGER "_crdt_null_insert_task" AFTER INSERT ON "task"
WHEN NEW."id" IS NULL
BEGIN
  SELECT RAISE(ABORT, 'crdtsql: the primary key task.id must not be NULL, because it names the row on every replica');
END;
CREATE TRIGGER "_crdt_null_update_task" AFTER UPDATE ON "task"
WHEN NEW."id" IS NULL
BEGIN
  SELECT RAISE(ABORT, 'crdtsql: the primary key task.id must not be NULL, because it names the row on every replica');
END;
COMMIT;
