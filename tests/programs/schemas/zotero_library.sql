-- Zotero: items with fields, creators, tags, collections (zotero.sqlite).
-- Written down from Zotero's documentation "Direct SQLite Database Access" and the table list of userdata.sql.
-- Simplified: item types and fields are plain numbers; three of the kinds of items.

CREATE TABLE libraries (
  libraryID INTEGER PRIMARY KEY,
  type TEXT NOT NULL,
  editable INT NOT NULL,
  filesEditable INT NOT NULL,
  version INT NOT NULL DEFAULT 0
);
INSERT INTO libraries VALUES (1, 'user', 1, 1, 0), (2, 'group', 1, 0, 0);

CREATE TABLE items (
  itemID INTEGER PRIMARY KEY,
  itemTypeID INT NOT NULL,
  dateAdded TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
  dateModified TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
  libraryID INT NOT NULL,
  key TEXT NOT NULL,
  extra TEXT,
  UNIQUE (libraryID, key),
  FOREIGN KEY (libraryID) REFERENCES libraries (libraryID) ON DELETE CASCADE
);

CREATE TABLE itemDataValues (
  valueID INTEGER PRIMARY KEY,
  value UNIQUE
);

CREATE TABLE itemData (
  itemID INT,
  fieldID INT,
  valueID,
  PRIMARY KEY (itemID, fieldID),
  FOREIGN KEY (itemID) REFERENCES items (itemID) ON DELETE CASCADE,
  FOREIGN KEY (valueID) REFERENCES itemDataValues (valueID)
);
CREATE INDEX itemData_fieldID ON itemData (fieldID);

CREATE TABLE itemNotes (
  itemID INTEGER PRIMARY KEY,
  parentItemID INT,
  note TEXT,
  title TEXT,
  FOREIGN KEY (itemID) REFERENCES items (itemID) ON DELETE CASCADE,
  FOREIGN KEY (parentItemID) REFERENCES items (itemID) ON DELETE CASCADE
);

CREATE TABLE itemAttachments (
  itemID INTEGER PRIMARY KEY,
  parentItemID INT,
  linkMode INT CHECK (linkMode IN (0, 1, 2, 3)),
  contentType TEXT,
  path TEXT,
  syncState INT DEFAULT 0,
  FOREIGN KEY (itemID) REFERENCES items (itemID) ON DELETE CASCADE,
  FOREIGN KEY (parentItemID) REFERENCES items (itemID) ON DELETE SET NULL
);

CREATE TABLE tags (
  tagID INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
);

CREATE TABLE itemTags (
  itemID INT NOT NULL,
  tagID INT NOT NULL,
  type INT NOT NULL,
  PRIMARY KEY (itemID, tagID),
  FOREIGN KEY (itemID) REFERENCES items (itemID) ON DELETE CASCADE,
  FOREIGN KEY (tagID) REFERENCES tags (tagID)
);

CREATE TABLE creators (
  creatorID INTEGER PRIMARY KEY,
  firstName TEXT,
  lastName TEXT,
  fieldMode INT,
  UNIQUE (lastName, firstName, fieldMode)
);

CREATE TABLE itemCreators (
  itemID INT NOT NULL,
  creatorID INT NOT NULL,
  creatorTypeID INT NOT NULL DEFAULT 1,
  orderIndex INT NOT NULL DEFAULT 0,
  PRIMARY KEY (itemID, creatorID, creatorTypeID, orderIndex),
  UNIQUE (itemID, orderIndex),
  FOREIGN KEY (itemID) REFERENCES items (itemID) ON DELETE CASCADE,
  FOREIGN KEY (creatorID) REFERENCES creators (creatorID)
);

CREATE TABLE collections (
  collectionID INTEGER PRIMARY KEY,
  collectionName TEXT NOT NULL,
  parentCollectionID INT DEFAULT NULL,
  libraryID INT NOT NULL,
  key TEXT NOT NULL,
  UNIQUE (libraryID, key),
  FOREIGN KEY (libraryID) REFERENCES libraries (libraryID) ON DELETE CASCADE,
  FOREIGN KEY (parentCollectionID) REFERENCES collections (collectionID) ON DELETE CASCADE
);

CREATE TABLE collectionItems (
  collectionID INT NOT NULL,
  itemID INT NOT NULL,
  orderIndex INT NOT NULL DEFAULT 0,
  PRIMARY KEY (collectionID, itemID),
  FOREIGN KEY (collectionID) REFERENCES collections (collectionID) ON DELETE CASCADE,
  FOREIGN KEY (itemID) REFERENCES items (itemID) ON DELETE CASCADE
);

CREATE TABLE settings (
  setting TEXT,
  key TEXT,
  value,
  PRIMARY KEY (setting, key)
);

CREATE TABLE deletedItems (
  itemID INTEGER PRIMARY KEY,
  dateDeleted DEFAULT CURRENT_TIMESTAMP NOT NULL,
  FOREIGN KEY (itemID) REFERENCES items (itemID) ON DELETE CASCADE
);
