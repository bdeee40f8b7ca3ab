-- A messenger in the manner of Signal: recipients, groups, threads, messages with full-text search, reactions.
-- Written down from the public table descriptions of Signal for Android (MessageTable, RecipientTable, GroupTable, SearchTable).
-- Simplified: a tenth of the columns; the search index is FTS5 with external content, kept by triggers as there.

CREATE TABLE recipient (
  _id INTEGER PRIMARY KEY AUTOINCREMENT,
  type INTEGER DEFAULT 0,
  e164 TEXT UNIQUE DEFAULT NULL,
  aci TEXT UNIQUE DEFAULT NULL,
  username TEXT UNIQUE DEFAULT NULL COLLATE NOCASE,
  group_id TEXT UNIQUE DEFAULT NULL,
  blocked INTEGER DEFAULT 0,
  profile_joined_name TEXT DEFAULT NULL,
  mute_until INTEGER DEFAULT 0,
  CHECK (e164 IS NULL OR e164 <> '')
);

CREATE TABLE thread (
  _id INTEGER PRIMARY KEY AUTOINCREMENT,
  date INTEGER DEFAULT 0,
  recipient_id INTEGER NOT NULL UNIQUE REFERENCES recipient (_id) ON DELETE CASCADE,
  read INTEGER DEFAULT 1,
  archived INTEGER DEFAULT 0,
  snippet TEXT,
  message_count INTEGER DEFAULT 0,
  pinned_order INTEGER UNIQUE DEFAULT NULL
);

CREATE TABLE message (
  _id INTEGER PRIMARY KEY AUTOINCREMENT,
  date_sent INTEGER NOT NULL,
  date_received INTEGER NOT NULL,
  thread_id INTEGER NOT NULL REFERENCES thread (_id) ON DELETE CASCADE,
  from_recipient_id INTEGER NOT NULL REFERENCES recipient (_id) ON DELETE CASCADE,
  to_recipient_id INTEGER NOT NULL REFERENCES recipient (_id) ON DELETE CASCADE,
  body TEXT,
  type INTEGER NOT NULL DEFAULT 0,
  read INTEGER DEFAULT 0,
  quote_body TEXT DEFAULT NULL,
  latest_revision_id INTEGER DEFAULT NULL REFERENCES message (_id) ON DELETE CASCADE,
  original_message_id INTEGER DEFAULT NULL REFERENCES message (_id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX message_unique_sent_from_thread ON message (date_sent, from_recipient_id, thread_id);
CREATE INDEX message_thread_index ON message (thread_id, date_received);

CREATE VIRTUAL TABLE message_fts USING fts5 (body, thread_id UNINDEXED, content=message, content_rowid=_id);
CREATE TRIGGER message_ai AFTER INSERT ON message
BEGIN
  INSERT INTO message_fts (rowid, body, thread_id) VALUES (NEW._id, NEW.body, NEW.thread_id);
END;
CREATE TRIGGER message_ad AFTER DELETE ON message
BEGIN
  INSERT INTO message_fts (message_fts, rowid, body, thread_id) VALUES ('delete', OLD._id, OLD.body, OLD.thread_id);
END;
CREATE TRIGGER message_au AFTER UPDATE ON message
BEGIN
  INSERT INTO message_fts (message_fts, rowid, body, thread_id) VALUES ('delete', OLD._id, OLD.body, OLD.thread_id);
  INSERT INTO message_fts (rowid, body, thread_id) VALUES (NEW._id, NEW.body, NEW.thread_id);
END;

CREATE TABLE reaction (
  _id INTEGER PRIMARY KEY,
  message_id INTEGER NOT NULL REFERENCES message (_id) ON DELETE CASCADE,
  author_id INTEGER NOT NULL REFERENCES recipient (_id) ON DELETE CASCADE,
  emoji TEXT NOT NULL,
  date_sent INTEGER NOT NULL,
  UNIQUE (message_id, author_id) ON CONFLICT REPLACE
);

CREATE TABLE groups (
  _id INTEGER PRIMARY KEY,
  group_id TEXT NOT NULL UNIQUE,
  recipient_id INTEGER NOT NULL UNIQUE REFERENCES recipient (_id) ON DELETE CASCADE,
  title TEXT DEFAULT NULL,
  active INTEGER DEFAULT 1
);

CREATE TABLE group_membership (
  _id INTEGER PRIMARY KEY,
  group_id TEXT NOT NULL REFERENCES groups (group_id) ON DELETE CASCADE ON UPDATE CASCADE,
  recipient_id INTEGER NOT NULL REFERENCES recipient (_id) ON DELETE CASCADE ON UPDATE CASCADE,
  endorsed INTEGER NOT NULL DEFAULT 0,
  UNIQUE (group_id, recipient_id)
);

CREATE TABLE attachment (
  _id INTEGER PRIMARY KEY AUTOINCREMENT,
  message_id INTEGER REFERENCES message (_id) ON DELETE SET NULL,
  content_type TEXT,
  data_size INTEGER CHECK (data_size >= 0),
  file_name TEXT
);

CREATE TABLE drafts (
  thread_id INTEGER NOT NULL REFERENCES thread (_id) ON DELETE CASCADE,
  type TEXT NOT NULL,
  value TEXT,
  PRIMARY KEY (thread_id, type)
) WITHOUT ROWID;

CREATE VIEW unread AS
SELECT thread._id AS thread_id, recipient.profile_joined_name AS sender, count(message._id) AS messages
FROM thread JOIN recipient ON recipient._id = thread.recipient_id JOIN message ON message.thread_id = thread._id
WHERE NOT message.read GROUP BY thread._id;
