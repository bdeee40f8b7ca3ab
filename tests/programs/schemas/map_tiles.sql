-- MBTiles with map data in the manner of OpenStreetMap: a view that is written to, and positions in composite keys.
-- Written down from the MBTiles specification 1.3 (metadata, tiles; tiles may be a view over map and images) and the OpenStreetMap
-- wiki's page on elements.
-- Simplified: metadata has a primary key; elements are not versioned.

CREATE TABLE metadata (name TEXT NOT NULL PRIMARY KEY, value TEXT);
INSERT INTO metadata VALUES ('name', 'a town'), ('format', 'png'), ('minzoom', '0');

CREATE TABLE images (tile_id TEXT PRIMARY KEY NOT NULL, tile_data BLOB);

CREATE TABLE map (
  zoom_level INTEGER NOT NULL CHECK (zoom_level BETWEEN 0 AND 30),
  tile_column INTEGER NOT NULL,
  tile_row INTEGER NOT NULL,
  tile_id TEXT REFERENCES images (tile_id) ON DELETE CASCADE,
  grid_id TEXT,
  PRIMARY KEY (zoom_level, tile_column, tile_row)
) WITHOUT ROWID;

CREATE VIEW tiles AS
SELECT map.zoom_level AS zoom_level, map.tile_column AS tile_column, map.tile_row AS tile_row, images.tile_data AS tile_data
FROM map JOIN images ON images.tile_id = map.tile_id;

CREATE TRIGGER tiles_insert INSTEAD OF INSERT ON tiles
BEGIN
  INSERT OR IGNORE INTO images (tile_id, tile_data) VALUES (hex(ifnull(NEW.tile_data, x'00')), NEW.tile_data);
  INSERT OR REPLACE INTO map (zoom_level, tile_column, tile_row, tile_id)
  VALUES (NEW.zoom_level, NEW.tile_column, NEW.tile_row, hex(ifnull(NEW.tile_data, x'00')));
END;

CREATE TABLE nodes (
  id INTEGER PRIMARY KEY,
  lat REAL NOT NULL CHECK (lat BETWEEN -90.0 AND 90.0),
  lon REAL NOT NULL CHECK (lon BETWEEN -180.0 AND 180.0),
  visible INTEGER NOT NULL DEFAULT 1,
  uploader TEXT
);

CREATE TABLE node_tags (
  id INTEGER NOT NULL REFERENCES nodes (id) ON DELETE CASCADE,
  k TEXT NOT NULL,
  v TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (id, k)
) WITHOUT ROWID;

CREATE TABLE ways (
  id INTEGER PRIMARY KEY,
  visible INTEGER NOT NULL DEFAULT 1,
  name TEXT,
  ref TEXT
);
CREATE UNIQUE INDEX ways_ref ON ways (ref) WHERE visible = 1 AND ref IS NOT NULL;

CREATE TABLE way_nodes (
  way_id INTEGER NOT NULL REFERENCES ways (id) ON DELETE CASCADE,
  sequence_id INTEGER NOT NULL,
  node_id INTEGER NOT NULL REFERENCES nodes (id) ON DELETE RESTRICT,
  PRIMARY KEY (way_id, sequence_id)
) WITHOUT ROWID;

CREATE TABLE relation_members (
  relation_id INTEGER NOT NULL,
  sequence_id INTEGER NOT NULL DEFAULT 0,
  way_id INTEGER REFERENCES ways (id) ON DELETE RESTRICT,
  node_id INTEGER REFERENCES nodes (id) ON DELETE RESTRICT,
  member_role TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (relation_id, sequence_id),
  CHECK ((way_id IS NULL) <> (node_id IS NULL))
);
