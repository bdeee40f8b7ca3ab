-- Joplin: notes in notebooks with tags, and a full-text index.
-- Written down from Joplin's specification pages (data model, search) and its list of tables.
-- Simplified: the index is FTS5 over the notes themselves, by their rowid, which no other table knows.

CREATE TABLE folders (
  id TEXT PRIMARY KEY,
  title TEXT NOT NULL DEFAULT '',
  created_time INT NOT NULL DEFAULT 0,
  updated_time INT NOT NULL DEFAULT 0,
  parent_id TEXT NOT NULL DEFAULT '',
  icon TEXT NOT NULL DEFAULT ''
);
CREATE INDEX folders_title ON folders (title);

CREATE TABLE notes (
  id TEXT PRIMARY KEY,
  parent_id TEXT NOT NULL DEFAULT '',
  title TEXT NOT NULL DEFAULT '',
  body TEXT NOT NULL DEFAULT '',
  created_time INT NOT NULL DEFAULT 0,
  updated_time INT NOT NULL DEFAULT 0,
  is_conflict INT NOT NULL DEFAULT 0,
  latitude NUMERIC NOT NULL DEFAULT 0,
  longitude NUMERIC NOT NULL DEFAULT 0,
  is_todo INT NOT NULL DEFAULT 0,
  todo_completed INT NOT NULL DEFAULT 0,
  "order" NUMERIC NOT NULL DEFAULT 0
);
CREATE INDEX notes_updated_time ON notes (updated_time);

CREATE VIRTUAL TABLE notes_fts USING fts5 (title, body, content='notes', content_rowid='rowid');
CREATE TRIGGER notes_fts_before_update BEFORE UPDATE ON notes
BEGIN
  INSERT INTO notes_fts (notes_fts, rowid, title, body) VALUES ('delete', OLD.rowid, OLD.title, OLD.body);
END;
CREATE TRIGGER notes_fts_before_delete BEFORE DELETE ON notes
BEGIN
  INSERT INTO notes_fts (notes_fts, rowid, title, body) VALUES ('delete', OLD.rowid, OLD.title, OLD.body);
END;
CREATE TRIGGER notes_after_update AFTER UPDATE ON notes
BEGIN
  INSERT INTO notes_fts (rowid, title, body) SELECT rowid, title, body FROM notes WHERE rowid = NEW.rowid;
END;
CREATE TRIGGER notes_after_insert AFTER INSERT ON notes
BEGIN
  INSERT INTO notes_fts (rowid, title, body) SELECT rowid, title, body FROM notes WHERE rowid = NEW.rowid;
END;

CREATE TABLE tags (
  id TEXT PRIMARY KEY,
  title TEXT NOT NULL DEFAULT '',
  created_time INT NOT NULL,
  updated_time INT NOT NULL
);
CREATE UNIQUE INDEX tags_title ON tags (title COLLATE NOCASE);

CREATE TABLE note_tags (
  id TEXT PRIMARY KEY,
  note_id TEXT NOT NULL,
  tag_id TEXT NOT NULL,
  created_time INT NOT NULL,
  updated_time INT NOT NULL
);

CREATE TABLE resources (
  id TEXT PRIMARY KEY,
  title TEXT NOT NULL DEFAULT '',
  mime TEXT NOT NULL,
  size INT NOT NULL DEFAULT -1
);

CREATE TABLE note_resources (
  id INTEGER PRIMARY KEY,
  note_id TEXT NOT NULL,
  resource_id TEXT NOT NULL,
  is_associated INT NOT NULL,
  last_seen_time INT NOT NULL
);
CREATE UNIQUE INDEX note_resources_once ON note_resources (note_id, resource_id);

CREATE TABLE deleted_items (
  id INTEGER PRIMARY KEY,
  item_type INT NOT NULL,
  item_id TEXT NOT NULL,
  deleted_time INT NOT NULL,
  sync_target INT NOT NULL
);

CREATE TABLE settings (
  key TEXT PRIMARY KEY,
  value TEXT
) WITHOUT ROWID;
