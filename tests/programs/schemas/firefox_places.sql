-- Firefox: history and bookmarks (places.sqlite).
-- Written down from Mozilla's documentation of the Places database and the table list in nsPlacesTables.h.
-- Simplified: columns for sync and previews left out; what Firefox does in temporary triggers (foreign_count, tombstones) is
-- done by ordinary ones here. As in Firefox, bookmarks and visits refer to their place without a declared foreign key.

CREATE TABLE moz_origins (
  id INTEGER PRIMARY KEY,
  prefix TEXT NOT NULL,
  host TEXT NOT NULL,
  frecency INTEGER NOT NULL DEFAULT 0,
  UNIQUE (prefix, host)
);

CREATE TABLE moz_places (
  id INTEGER PRIMARY KEY,
  url LONGVARCHAR,
  title LONGVARCHAR,
  rev_host LONGVARCHAR,
  visit_count INTEGER DEFAULT 0,
  hidden INTEGER DEFAULT 0 NOT NULL,
  typed INTEGER DEFAULT 0 NOT NULL,
  frecency INTEGER DEFAULT -1 NOT NULL,
  last_visit_date INTEGER,
  guid TEXT,
  foreign_count INTEGER DEFAULT 0 NOT NULL,
  url_hash INTEGER DEFAULT 0 NOT NULL,
  description TEXT,
  origin_id INTEGER REFERENCES moz_origins (id)
);
CREATE UNIQUE INDEX moz_places_guid_uniqueindex ON moz_places (guid);
CREATE INDEX moz_places_url_hashindex ON moz_places (url_hash);
CREATE INDEX moz_places_hostindex ON moz_places (rev_host);
CREATE INDEX moz_places_lastvisitdateindex ON moz_places (last_visit_date);

CREATE TABLE moz_historyvisits (
  id INTEGER PRIMARY KEY,
  from_visit INTEGER,
  place_id INTEGER,
  visit_date INTEGER,
  visit_type INTEGER,
  session INTEGER,
  triggering_search TEXT
);
CREATE INDEX moz_historyvisits_placedateindex ON moz_historyvisits (place_id, visit_date);

CREATE TABLE moz_inputhistory (
  place_id INTEGER NOT NULL,
  input LONGVARCHAR NOT NULL,
  use_count INTEGER,
  PRIMARY KEY (place_id, input)
);

CREATE TABLE moz_bookmarks (
  id INTEGER PRIMARY KEY,
  type INTEGER,
  fk INTEGER DEFAULT NULL,
  parent INTEGER,
  position INTEGER,
  title LONGVARCHAR,
  dateAdded INTEGER,
  lastModified INTEGER,
  guid TEXT,
  syncStatus INTEGER NOT NULL DEFAULT 0,
  syncChangeCounter INTEGER NOT NULL DEFAULT 1
);
CREATE UNIQUE INDEX moz_bookmarks_guid_uniqueindex ON moz_bookmarks (guid);
CREATE INDEX moz_bookmarks_parentindex ON moz_bookmarks (parent, position);

CREATE TABLE moz_bookmarks_deleted (
  guid TEXT PRIMARY KEY,
  dateRemoved INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE moz_keywords (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  keyword TEXT UNIQUE,
  place_id INTEGER,
  post_data TEXT
);
CREATE UNIQUE INDEX moz_keywords_placepostdata_uniqueindex ON moz_keywords (place_id, post_data);

CREATE TABLE moz_anno_attributes (
  id INTEGER PRIMARY KEY,
  name VARCHAR(32) UNIQUE NOT NULL
);

CREATE TABLE moz_items_annos (
  id INTEGER PRIMARY KEY,
  item_id INTEGER NOT NULL,
  anno_attribute_id INTEGER,
  content LONGVARCHAR,
  flags INTEGER DEFAULT 0,
  expiration INTEGER DEFAULT 0,
  dateAdded INTEGER DEFAULT 0
);
CREATE UNIQUE INDEX moz_items_annos_itemattributeindex ON moz_items_annos (item_id, anno_attribute_id);

CREATE TABLE moz_meta (key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;

CREATE TABLE moz_places_metadata (
  id INTEGER PRIMARY KEY,
  place_id INTEGER NOT NULL,
  referrer_place_id INTEGER,
  created_at INTEGER NOT NULL DEFAULT 0,
  total_view_time INTEGER NOT NULL DEFAULT 0,
  title_note TEXT,
  search_query_id INTEGER,
  FOREIGN KEY (place_id) REFERENCES moz_places (id) ON DELETE CASCADE,
  FOREIGN KEY (referrer_place_id) REFERENCES moz_places (id) ON DELETE CASCADE,
  FOREIGN KEY (search_query_id) REFERENCES moz_places_metadata_search_queries (id) ON DELETE CASCADE,
  CHECK (place_id <> referrer_place_id)
);
CREATE UNIQUE INDEX moz_places_metadata_placecreated_uniqueindex ON moz_places_metadata (place_id, created_at);

CREATE TABLE moz_places_metadata_search_queries (
  id INTEGER PRIMARY KEY,
  terms TEXT NOT NULL UNIQUE
);

CREATE TRIGGER moz_bookmarks_foreign_count_afterinsert AFTER INSERT ON moz_bookmarks WHEN NEW.fk IS NOT NULL
BEGIN
  UPDATE moz_places SET foreign_count = foreign_count + 1 WHERE id = NEW.fk;
END;

CREATE TRIGGER moz_bookmarks_foreign_count_afterdelete AFTER DELETE ON moz_bookmarks WHEN OLD.fk IS NOT NULL
BEGIN
  UPDATE moz_places SET foreign_count = foreign_count - 1 WHERE id = OLD.fk;
END;

CREATE TRIGGER moz_bookmarks_tombstone AFTER DELETE ON moz_bookmarks WHEN OLD.guid IS NOT NULL
BEGIN
  INSERT OR REPLACE INTO moz_bookmarks_deleted (guid, dateRemoved) VALUES (OLD.guid, 1700000000);
END;

INSERT INTO moz_bookmarks (id, type, parent, position, title, guid) VALUES
  (1, 2, 0, 0, '', 'root________'), (2, 2, 1, 0, 'menu', 'menu________'), (3, 2, 1, 1, 'toolbar', 'toolbar_____');
