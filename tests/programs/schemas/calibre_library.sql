-- Calibre: a library of books (metadata.db), with its triggers in place of foreign keys.
-- Written down from the calibre manual and the list of tables and triggers in metadata_sqlite.sql.
-- Simplified: fewer tables; title_sort, uuid4 and concat, which calibre defines itself, are replaced by built-in functions.

CREATE TABLE authors (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL COLLATE NOCASE,
  sort TEXT COLLATE NOCASE,
  link TEXT NOT NULL DEFAULT '',
  UNIQUE (name)
);

CREATE TABLE books (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  title TEXT NOT NULL DEFAULT 'Unknown' COLLATE NOCASE,
  sort TEXT COLLATE NOCASE,
  timestamp TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
  series_index REAL NOT NULL DEFAULT 1.0,
  author_sort TEXT COLLATE NOCASE,
  isbn TEXT DEFAULT '' COLLATE NOCASE,
  path TEXT NOT NULL DEFAULT '',
  uuid TEXT,
  has_cover BOOL DEFAULT 0,
  last_modified TIMESTAMP NOT NULL DEFAULT '2000-01-01 00:00:00+00:00'
);
CREATE INDEX books_idx ON books (sort COLLATE NOCASE);

CREATE TABLE books_authors_link (
  id INTEGER PRIMARY KEY,
  book INTEGER NOT NULL,
  author INTEGER NOT NULL,
  UNIQUE (book, author)
);
CREATE INDEX books_authors_link_aidx ON books_authors_link (author);

CREATE TABLE series (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL COLLATE NOCASE,
  sort TEXT COLLATE NOCASE,
  UNIQUE (name)
);

CREATE TABLE books_series_link (
  id INTEGER PRIMARY KEY,
  book INTEGER NOT NULL,
  series INTEGER NOT NULL,
  UNIQUE (book)
);

CREATE TABLE tags (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL COLLATE NOCASE,
  UNIQUE (name)
);

CREATE TABLE books_tags_link (
  id INTEGER PRIMARY KEY,
  book INTEGER NOT NULL,
  tag INTEGER NOT NULL,
  UNIQUE (book, tag)
);

CREATE TABLE ratings (
  id INTEGER PRIMARY KEY,
  rating INTEGER CHECK (rating > -1 AND rating < 11),
  UNIQUE (rating)
);

CREATE TABLE comments (
  id INTEGER PRIMARY KEY,
  book INTEGER NON NULL,
  text TEXT NON NULL COLLATE NOCASE,
  UNIQUE (book)
);

CREATE TABLE data (
  id INTEGER PRIMARY KEY,
  book INTEGER NON NULL,
  format TEXT NON NULL COLLATE NOCASE,
  uncompressed_size INTEGER NON NULL,
  name TEXT NON NULL,
  UNIQUE (book, format)
);

CREATE TABLE identifiers (
  id INTEGER PRIMARY KEY,
  book INTEGER NON NULL,
  type TEXT NON NULL DEFAULT 'isbn' COLLATE NOCASE,
  val TEXT NON NULL COLLATE NOCASE,
  UNIQUE (book, type)
);

CREATE TABLE preferences (
  id INTEGER PRIMARY KEY,
  key TEXT NON NULL,
  val TEXT NON NULL,
  UNIQUE (key)
);

CREATE VIEW meta AS
SELECT
  id, title, timestamp, series_index, sort, author_sort, isbn, path, uuid,
  (SELECT group_concat(name, ' & ') FROM authors WHERE id IN (SELECT author FROM books_authors_link WHERE book = books.id)) AS authors,
  (SELECT max(uncompressed_size) FROM data WHERE book = books.id) AS size,
  (SELECT name FROM series WHERE id IN (SELECT series FROM books_series_link WHERE book = books.id)) AS series
FROM books;

CREATE VIEW tag_browser_authors AS
SELECT id, name, (SELECT count(id) FROM books_authors_link WHERE author = authors.id) AS count, sort FROM authors;

CREATE TRIGGER books_delete_trg AFTER DELETE ON books
BEGIN
  DELETE FROM books_authors_link WHERE book = OLD.id;
  DELETE FROM books_series_link WHERE book = OLD.id;
  DELETE FROM books_tags_link WHERE book = OLD.id;
  DELETE FROM comments WHERE book = OLD.id;
  DELETE FROM data WHERE book = OLD.id;
  DELETE FROM identifiers WHERE book = OLD.id;
END;

CREATE TRIGGER books_insert_trg AFTER INSERT ON books
BEGIN
  UPDATE books SET sort = trim(NEW.title), uuid = lower(hex(randomblob(8))) WHERE id = NEW.id;
END;

CREATE TRIGGER books_update_trg AFTER UPDATE ON books
BEGIN
  UPDATE books SET sort = trim(NEW.title) WHERE id = NEW.id AND OLD.title <> NEW.title;
END;

CREATE TRIGGER series_insert_trg AFTER INSERT ON series
BEGIN
  UPDATE series SET sort = NEW.name WHERE id = NEW.id;
END;

CREATE TRIGGER fkc_comments_insert BEFORE INSERT ON comments
BEGIN
  SELECT CASE WHEN (SELECT id FROM books WHERE id = NEW.book) IS NULL
    THEN RAISE(ABORT, 'Foreign key violation: book not in books') END;
END;

CREATE TRIGGER fkc_comments_update BEFORE UPDATE OF book ON comments
BEGIN
  SELECT CASE WHEN (SELECT id FROM books WHERE id = NEW.book) IS NULL
    THEN RAISE(ABORT, 'Foreign key violation: book not in books') END;
END;

CREATE TRIGGER fkc_data_insert BEFORE INSERT ON data
BEGIN
  SELECT CASE WHEN (SELECT id FROM books WHERE id = NEW.book) IS NULL
    THEN RAISE(ABORT, 'Foreign key violation: book not in books') END;
END;

CREATE TRIGGER fkc_delete_on_authors BEFORE DELETE ON authors
BEGIN
  SELECT CASE WHEN (SELECT count(id) FROM books_authors_link WHERE author = OLD.id) > 0
    THEN RAISE(ABORT, 'Foreign key violation: authors is still referenced') END;
END;

CREATE TRIGGER fkc_delete_on_series BEFORE DELETE ON series
BEGIN
  SELECT CASE WHEN (SELECT count(id) FROM books_series_link WHERE series = OLD.id) > 0
    THEN RAISE(ABORT, 'Foreign key violation: series is still referenced') END;
END;

CREATE TRIGGER fkc_insert_books_authors_link BEFORE INSERT ON books_authors_link
BEGIN
  SELECT CASE
    WHEN (SELECT id FROM books WHERE id = NEW.book) IS NULL
    THEN RAISE(ABORT, 'Foreign key violation: book not in books')
    WHEN (SELECT id FROM authors WHERE id = NEW.author) IS NULL
    THEN RAISE(ABORT, 'Foreign key violation: author not in authors')
  END;
END;

CREATE TRIGGER fkc_insert_books_series_link BEFORE INSERT ON books_series_link
BEGIN
  SELECT CASE
    WHEN (SELECT id FROM books WHERE id = NEW.book) IS NULL
    THEN RAISE(ABORT, 'Foreign key violation: book not in books')
    WHEN (SELECT id FROM series WHERE id = NEW.series) IS NULL
    THEN RAISE(ABORT, 'Foreign key violation: series not in series')
  END;
END;
