-- Fossil: a repository (schema.c), with its checks on hashes and its event list.
-- Written down from Fossil's documentation "The Fossil Database Schemas" and the comments there.
-- Simplified: fewer tables; tagxref, which has no primary key there, has one.

CREATE TABLE blob (
  rid INTEGER PRIMARY KEY,
  rcvid INTEGER,
  size INTEGER,
  uuid TEXT UNIQUE NOT NULL,
  content BLOB,
  CHECK (length(uuid) >= 40 AND rid > 0)
);

CREATE TABLE delta (
  rid INTEGER PRIMARY KEY REFERENCES blob,
  srcid INTEGER NOT NULL REFERENCES blob
);
CREATE INDEX delta_i1 ON delta (srcid);

CREATE TABLE user (
  uid INTEGER PRIMARY KEY,
  login TEXT UNIQUE,
  pw TEXT,
  cap TEXT,
  cookie TEXT,
  cexpire DATETIME,
  info TEXT,
  mtime DATE,
  photo BLOB
);

CREATE TABLE rcvfrom (
  rcvid INTEGER PRIMARY KEY,
  uid INTEGER REFERENCES user,
  mtime DATETIME,
  nonce TEXT UNIQUE,
  ipaddr TEXT
);

CREATE TABLE config (
  name TEXT PRIMARY KEY NOT NULL,
  value CLOB,
  mtime DATE,
  CHECK (typeof(name) = 'text' AND length(name) >= 1)
) WITHOUT ROWID;

CREATE TABLE shun (
  uuid TEXT PRIMARY KEY,
  mtime DATE,
  scom TEXT
) WITHOUT ROWID;

CREATE TABLE private (rid INTEGER PRIMARY KEY);

CREATE TABLE reportfmt (
  rn INTEGER PRIMARY KEY,
  owner TEXT,
  title TEXT UNIQUE,
  mtime DATE,
  cols TEXT,
  sqlcode TEXT
);

CREATE TABLE filename (
  fnid INTEGER PRIMARY KEY,
  name TEXT UNIQUE
);

CREATE TABLE plink (
  pid INTEGER REFERENCES blob,
  cid INTEGER REFERENCES blob,
  isprim BOOLEAN,
  mtime DATETIME,
  baseid INTEGER REFERENCES blob,
  PRIMARY KEY (pid, cid)
);
CREATE INDEX plink_i2 ON plink (cid, pid);

CREATE TABLE leaf (rid INTEGER PRIMARY KEY);

CREATE TABLE event (
  type TEXT,
  mtime DATETIME,
  objid INTEGER PRIMARY KEY,
  tagid INTEGER,
  uid INTEGER REFERENCES user,
  bgcolor TEXT,
  user TEXT,
  comment TEXT,
  CHECK (type IN ('ci', 'w', 'e', 't', 'g', 'f'))
);
CREATE INDEX event_i1 ON event (mtime);

CREATE TABLE tag (
  tagid INTEGER PRIMARY KEY,
  tagname TEXT UNIQUE
);
INSERT INTO tag VALUES (1, 'bgcolor'), (2, 'comment'), (3, 'user');

CREATE TABLE tagxref (
  tagid INTEGER REFERENCES tag,
  tagtype INTEGER CHECK (tagtype IN (0, 1, 2)),
  srcid INTEGER REFERENCES blob,
  origid INTEGER REFERENCES blob,
  value TEXT,
  mtime TIMESTAMP,
  rid INTEGER REFERENCES blob,
  PRIMARY KEY (rid, tagid)
);

CREATE VIEW artifact AS
SELECT blob.rid, blob.rcvid, blob.size, delta.srcid, blob.uuid AS hash FROM blob LEFT JOIN delta ON blob.rid = delta.rid;
