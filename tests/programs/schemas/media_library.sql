-- Kodi: a library of films and series (MyVideos), with the clean-up triggers that it has.
-- Written down from the Kodi wiki's page "Databases/MyVideos" and its table list.
-- Simplified: films have three of their 24 text columns; link tables, which have unique indexes there, have primary keys.

CREATE TABLE path (
  idPath INTEGER PRIMARY KEY,
  strPath TEXT,
  strContent TEXT,
  strHash TEXT,
  noUpdate BOOL,
  idParentPath INTEGER
);
CREATE INDEX ix_path ON path (strPath);

CREATE TABLE files (
  idFile INTEGER PRIMARY KEY,
  idPath INTEGER,
  strFilename TEXT,
  playCount INTEGER,
  lastPlayed TEXT,
  dateAdded TEXT
);
CREATE UNIQUE INDEX ix_files ON files (idPath, strFilename);

CREATE TABLE bookmark (
  idBookmark INTEGER PRIMARY KEY,
  idFile INTEGER,
  timeInSeconds DOUBLE,
  totalTimeInSeconds DOUBLE,
  player TEXT,
  type INTEGER
);

CREATE TABLE settings (
  idFile INTEGER PRIMARY KEY,
  Deinterlace BOOL,
  ViewMode INTEGER,
  ZoomAmount FLOAT,
  AudioStream INTEGER
);

CREATE TABLE sets (
  idSet INTEGER PRIMARY KEY,
  strSet TEXT,
  strOverview TEXT
);

CREATE TABLE movie (
  idMovie INTEGER PRIMARY KEY,
  idFile INTEGER,
  c00 TEXT,
  c01 TEXT,
  c02 TEXT,
  idSet INTEGER,
  userrating INTEGER,
  premiered TEXT
);
CREATE UNIQUE INDEX ix_movie_file_1 ON movie (idFile, idMovie);

CREATE TABLE actor (
  actor_id INTEGER PRIMARY KEY,
  name TEXT,
  art_urls TEXT
);
CREATE UNIQUE INDEX ix_actor_1 ON actor (name);

CREATE TABLE actor_link (
  actor_id INTEGER,
  media_id INTEGER,
  media_type TEXT,
  role TEXT,
  cast_order INTEGER,
  PRIMARY KEY (actor_id, media_type, media_id)
);
CREATE UNIQUE INDEX ix_actor_link_2 ON actor_link (media_id, media_type, actor_id);

CREATE TABLE genre (
  genre_id INTEGER PRIMARY KEY,
  name TEXT,
  note TEXT
);
CREATE UNIQUE INDEX ix_genre_1 ON genre (name COLLATE NOCASE);

CREATE TABLE genre_link (
  genre_id INTEGER,
  media_id INTEGER,
  media_type TEXT,
  PRIMARY KEY (genre_id, media_type, media_id)
) WITHOUT ROWID;

CREATE TABLE art (
  art_id INTEGER PRIMARY KEY,
  media_id INTEGER,
  media_type TEXT,
  type TEXT,
  url TEXT
);
CREATE INDEX ix_art ON art (media_id, media_type, type);

CREATE VIEW movie_view AS
SELECT movie.*, sets.strSet AS strSet, files.strFilename AS strFileName, path.strPath AS strPath, files.playCount AS playCount
FROM movie
LEFT JOIN sets ON sets.idSet = movie.idSet
JOIN files ON files.idFile = movie.idFile
JOIN path ON path.idPath = files.idPath;

CREATE TRIGGER delete_movie AFTER DELETE ON movie
BEGIN
  DELETE FROM genre_link WHERE media_id = OLD.idMovie AND media_type = 'movie';
  DELETE FROM actor_link WHERE media_id = OLD.idMovie AND media_type = 'movie';
  DELETE FROM art WHERE media_id = OLD.idMovie AND media_type = 'movie';
END;
CREATE TRIGGER delete_set AFTER DELETE ON sets
BEGIN
  DELETE FROM art WHERE media_id = OLD.idSet AND media_type = 'set';
END;
CREATE TRIGGER delete_file AFTER DELETE ON files
BEGIN
  DELETE FROM bookmark WHERE idFile = OLD.idFile;
  DELETE FROM settings WHERE idFile = OLD.idFile;
END;
