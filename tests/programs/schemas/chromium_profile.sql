-- Chromium: cookies, history, downloads and saved logins (Cookies, History, Login Data) in one file.
-- Written down from the column lists in the sources' comments (sqlite_persistent_cookie_store, url_database, login_database).
-- Simplified: the cookie table of an early version, whose primary key is the time of creation; most flags left out.

CREATE TABLE meta (key LONGVARCHAR NOT NULL UNIQUE PRIMARY KEY, value LONGVARCHAR);

CREATE TABLE cookies (
  creation_utc INTEGER NOT NULL UNIQUE PRIMARY KEY,
  host_key TEXT NOT NULL,
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  path TEXT NOT NULL,
  expires_utc INTEGER NOT NULL,
  is_secure INTEGER NOT NULL,
  is_httponly INTEGER NOT NULL,
  last_access_utc INTEGER NOT NULL,
  has_expires INTEGER NOT NULL DEFAULT 1,
  is_persistent INTEGER NOT NULL DEFAULT 1,
  priority INTEGER NOT NULL DEFAULT 1,
  encrypted_value BLOB DEFAULT '',
  samesite INTEGER NOT NULL DEFAULT -1
);
CREATE UNIQUE INDEX cookies_unique_index ON cookies (host_key, name, path);
CREATE INDEX is_transient ON cookies (is_persistent) WHERE is_persistent != 1;

CREATE TABLE urls (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  url LONGVARCHAR,
  title LONGVARCHAR,
  visit_count INTEGER DEFAULT 0 NOT NULL,
  typed_count INTEGER DEFAULT 0 NOT NULL,
  last_visit_time INTEGER NOT NULL,
  hidden INTEGER DEFAULT 0 NOT NULL
);
CREATE INDEX urls_url_index ON urls (url);

CREATE TABLE visits (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  url INTEGER NOT NULL,
  visit_time INTEGER NOT NULL,
  from_visit INTEGER,
  transition INTEGER DEFAULT 0 NOT NULL,
  segment_id INTEGER,
  visit_duration INTEGER DEFAULT 0 NOT NULL,
  originator_cache_guid TEXT
);

CREATE TABLE segments (
  id INTEGER PRIMARY KEY,
  name VARCHAR,
  url_id INTEGER NON NULL
);

CREATE TABLE downloads (
  id INTEGER PRIMARY KEY,
  guid VARCHAR NOT NULL,
  current_path LONGVARCHAR NOT NULL,
  start_time INTEGER NOT NULL,
  received_bytes INTEGER NOT NULL,
  total_bytes INTEGER NOT NULL,
  state INTEGER NOT NULL,
  hash BLOB NOT NULL,
  mime_type VARCHAR(255) NOT NULL
);

CREATE TABLE downloads_url_chains (
  id INTEGER NOT NULL,
  chain_index INTEGER NOT NULL,
  url LONGVARCHAR NOT NULL,
  PRIMARY KEY (id, chain_index)
);

CREATE TABLE logins (
  origin_url VARCHAR NOT NULL,
  username_element VARCHAR,
  username_value VARCHAR,
  password_value BLOB,
  signon_realm VARCHAR NOT NULL,
  date_created INTEGER NOT NULL,
  blacklisted_by_user INTEGER NOT NULL,
  display_name VARCHAR,
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  UNIQUE (origin_url, username_element, username_value, signon_realm)
);
CREATE INDEX logins_signon ON logins (signon_realm);

CREATE TABLE insecure_credentials (
  parent_id INTEGER REFERENCES logins ON UPDATE CASCADE ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
  insecurity_type INTEGER NOT NULL,
  create_time INTEGER NOT NULL,
  is_muted INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (parent_id, insecurity_type)
);

CREATE TABLE password_notes (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  parent_id INTEGER NOT NULL REFERENCES logins ON UPDATE CASCADE ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
  "key" VARCHAR NOT NULL,
  value BLOB,
  note VARCHAR,
  date_created INTEGER NOT NULL,
  confidential INTEGER,
  UNIQUE (parent_id, "key")
);
