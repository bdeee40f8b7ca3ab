-- WordPress on SQLite: posts, terms, comments, users, options.
-- Written down from the WordPress developer handbook's page "Database Description".
-- Simplified: fewer columns. As in WordPress, nothing is declared as a reference; most uniqueness is left to PHP.

CREATE TABLE wp_users (
  ID INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  user_login TEXT NOT NULL DEFAULT '' COLLATE NOCASE,
  user_pass TEXT NOT NULL DEFAULT '' COLLATE NOCASE,
  user_nicename TEXT NOT NULL DEFAULT '' COLLATE NOCASE,
  user_email TEXT NOT NULL DEFAULT '' COLLATE NOCASE,
  user_registered TEXT NOT NULL DEFAULT '0000-00-00 00:00:00',
  user_status INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX wp_users__user_login_key ON wp_users (user_login);

CREATE TABLE wp_usermeta (
  umeta_id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  user_id INTEGER NOT NULL DEFAULT 0,
  meta_key TEXT DEFAULT NULL COLLATE NOCASE,
  meta_value TEXT DEFAULT NULL COLLATE NOCASE
);

CREATE TABLE wp_posts (
  ID INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  post_author INTEGER NOT NULL DEFAULT 0,
  post_date TEXT NOT NULL DEFAULT '0000-00-00 00:00:00',
  post_content TEXT NOT NULL DEFAULT '' COLLATE NOCASE,
  post_title TEXT NOT NULL DEFAULT '' COLLATE NOCASE,
  post_status TEXT NOT NULL DEFAULT 'publish' COLLATE NOCASE,
  post_name TEXT NOT NULL DEFAULT '' COLLATE NOCASE,
  post_parent INTEGER NOT NULL DEFAULT 0,
  menu_order INTEGER NOT NULL DEFAULT 0,
  post_type TEXT NOT NULL DEFAULT 'post' COLLATE NOCASE,
  comment_count INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX wp_posts__type_status_date ON wp_posts (post_type, post_status, post_date, ID);

CREATE TABLE wp_postmeta (
  meta_id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  post_id INTEGER NOT NULL DEFAULT 0,
  meta_key TEXT DEFAULT NULL COLLATE NOCASE,
  meta_value TEXT DEFAULT NULL COLLATE NOCASE
);

CREATE TABLE wp_terms (
  term_id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  name TEXT NOT NULL DEFAULT '' COLLATE NOCASE,
  slug TEXT NOT NULL DEFAULT '' COLLATE NOCASE,
  term_group INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE wp_term_taxonomy (
  term_taxonomy_id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  term_id INTEGER NOT NULL DEFAULT 0,
  taxonomy TEXT NOT NULL DEFAULT '' COLLATE NOCASE,
  description TEXT NOT NULL DEFAULT '' COLLATE NOCASE,
  parent INTEGER NOT NULL DEFAULT 0,
  count INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX wp_term_taxonomy__term_id_taxonomy ON wp_term_taxonomy (term_id, taxonomy);

CREATE TABLE wp_term_relationships (
  object_id INTEGER NOT NULL DEFAULT 0,
  term_taxonomy_id INTEGER NOT NULL DEFAULT 0,
  term_order INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (object_id, term_taxonomy_id)
);

CREATE TABLE wp_comments (
  comment_ID INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  comment_post_ID INTEGER NOT NULL DEFAULT 0,
  comment_author TEXT NOT NULL COLLATE NOCASE,
  comment_content TEXT NOT NULL COLLATE NOCASE,
  comment_approved TEXT NOT NULL DEFAULT '1' COLLATE NOCASE,
  comment_parent INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE wp_options (
  option_id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  option_name TEXT NOT NULL DEFAULT '' COLLATE NOCASE,
  option_value TEXT NOT NULL COLLATE NOCASE,
  autoload TEXT NOT NULL DEFAULT 'yes' COLLATE NOCASE
);
CREATE UNIQUE INDEX wp_options__option_name ON wp_options (option_name);
INSERT INTO wp_options (option_name, option_value) VALUES ('siteurl', 'http://localhost'), ('blogname', 'Notes');
