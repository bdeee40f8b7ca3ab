-- A photo catalogue in the manner of Lightroom: files, images, keywords, collections; untyped columns with empty defaults.
-- Written down from public descriptions of Lightroom Classic's .lrcat tables.
-- Simplified: fewer columns; keywords are counted by triggers.

CREATE TABLE AgLibraryRootFolder (
  id_local INTEGER PRIMARY KEY,
  id_global UNIQUE NOT NULL,
  absolutePath UNIQUE NOT NULL DEFAULT '',
  name NOT NULL DEFAULT '',
  description TEXT
);

CREATE TABLE AgLibraryFolder (
  id_local INTEGER PRIMARY KEY,
  id_global UNIQUE NOT NULL,
  pathFromRoot NOT NULL DEFAULT '',
  rootFolder INTEGER NOT NULL DEFAULT 0,
  note TEXT
);
CREATE UNIQUE INDEX index_AgLibraryFolder_rootFolderAndPath ON AgLibraryFolder (rootFolder, pathFromRoot);

CREATE TABLE AgLibraryFile (
  id_local INTEGER PRIMARY KEY,
  id_global UNIQUE NOT NULL,
  baseName NOT NULL DEFAULT '',
  extension NOT NULL DEFAULT '',
  folder INTEGER NOT NULL DEFAULT 0,
  lc_idx_filename NOT NULL DEFAULT '',
  note TEXT
);
CREATE UNIQUE INDEX index_AgLibraryFile_nameAndFolder ON AgLibraryFile (lc_idx_filename, folder);

CREATE TABLE Adobe_images (
  id_local INTEGER PRIMARY KEY,
  id_global UNIQUE NOT NULL,
  captureTime,
  colorLabels NOT NULL DEFAULT '',
  fileFormat NOT NULL DEFAULT 'unset',
  masterImage INTEGER REFERENCES Adobe_images (id_local) ON DELETE CASCADE,
  pick NOT NULL DEFAULT 0,
  rating CHECK (rating IS NULL OR rating BETWEEN 0 AND 5),
  rootFile INTEGER NOT NULL DEFAULT 0,
  touchCount NOT NULL DEFAULT 0,
  caption TEXT
);
CREATE INDEX index_Adobe_images_ratingAndCaptureTime ON Adobe_images (rating, captureTime);

CREATE TABLE AgLibraryKeyword (
  id_local INTEGER PRIMARY KEY,
  id_global UNIQUE NOT NULL,
  genealogy NOT NULL DEFAULT '',
  imageCountCache DEFAULT -1,
  lc_name,
  name,
  parent INTEGER,
  synonyms TEXT
);
CREATE UNIQUE INDEX index_AgLibraryKeyword_parentAndLcName ON AgLibraryKeyword (parent, lc_name);

CREATE TABLE AgLibraryKeywordImage (
  id_local INTEGER PRIMARY KEY,
  image INTEGER NOT NULL DEFAULT 0 REFERENCES Adobe_images (id_local) ON DELETE CASCADE,
  tag INTEGER NOT NULL DEFAULT 0 REFERENCES AgLibraryKeyword (id_local) ON DELETE CASCADE
);
CREATE UNIQUE INDEX index_AgLibraryKeywordImage_imageTag ON AgLibraryKeywordImage (image, tag);

CREATE TABLE AgLibraryCollection (
  id_local INTEGER PRIMARY KEY,
  creationId NOT NULL DEFAULT '',
  name NOT NULL DEFAULT '',
  parent INTEGER REFERENCES AgLibraryCollection (id_local) ON DELETE RESTRICT,
  description TEXT
);

CREATE TABLE AgLibraryCollectionImage (
  collection INTEGER NOT NULL REFERENCES AgLibraryCollection (id_local) ON DELETE CASCADE,
  image INTEGER NOT NULL REFERENCES Adobe_images (id_local) ON DELETE CASCADE,
  positionInCollection NOT NULL DEFAULT 'z',
  PRIMARY KEY (collection, image)
) WITHOUT ROWID;

CREATE TRIGGER trigger_keyword_used AFTER INSERT ON AgLibraryKeywordImage
BEGIN
  UPDATE AgLibraryKeyword SET imageCountCache = max(ifnull(imageCountCache, 0), 0) + 1 WHERE id_local = NEW.tag;
END;
CREATE TRIGGER trigger_image_touched AFTER UPDATE OF rating, pick, colorLabels ON Adobe_images
BEGIN
  UPDATE Adobe_images SET touchCount = touchCount + 1 WHERE id_local = NEW.id_local;
END;
