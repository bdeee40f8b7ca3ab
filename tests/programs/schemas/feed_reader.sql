-- A feed reader in the manner of FreshRSS, with MySQL quotes as there.
-- Written down from FreshRSS's install script for SQLite and its documentation of the database.
-- Simplified: fewer columns; an index of unread entries as other readers have it.

CREATE TABLE `category` (
  `id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  `name` VARCHAR(191) NOT NULL,
  `kind` SMALLINT DEFAULT 0,
  `lastUpdate` BIGINT DEFAULT 0,
  `attributes` TEXT,
  UNIQUE (`name`)
);
INSERT INTO `category` (id, name) VALUES (1, 'Uncategorized');

CREATE TABLE `feed` (
  `id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  `url` VARCHAR(32768) NOT NULL,
  `category` INTEGER DEFAULT 1,
  `name` VARCHAR(191) NOT NULL,
  `website` VARCHAR(32768),
  `lastUpdate` INT(11) DEFAULT 0,
  `priority` TINYINT(2) NOT NULL DEFAULT 10,
  `error` BOOLEAN DEFAULT 0,
  `cache_nbUnreads` INT DEFAULT 0,
  FOREIGN KEY (`category`) REFERENCES `category` (`id`) ON DELETE SET NULL ON UPDATE CASCADE
);
CREATE UNIQUE INDEX feed_url_index ON `feed` (`url`);

CREATE TABLE `entry` (
  `id` BIGINT NOT NULL,
  `guid` VARCHAR(767) NOT NULL,
  `title` VARCHAR(65535) NOT NULL,
  `author` VARCHAR(65535),
  `content` TEXT,
  `link` VARCHAR(32768) NOT NULL,
  `date` INT(11),
  `hash` BINARY(16),
  `is_read` BOOLEAN NOT NULL DEFAULT 0,
  `is_favorite` BOOLEAN NOT NULL DEFAULT 0,
  `id_feed` INTEGER,
  `tags` VARCHAR(65535),
  PRIMARY KEY (`id`),
  FOREIGN KEY (`id_feed`) REFERENCES `feed` (`id`) ON DELETE CASCADE ON UPDATE CASCADE,
  UNIQUE (`id_feed`, `guid`)
);
CREATE INDEX entry_feed_read_index ON `entry` (`id_feed`, `is_read`);
CREATE INDEX entry_unread_index ON `entry` (`date`) WHERE NOT `is_read`;

CREATE TABLE `tag` (
  `id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  `name` VARCHAR(191) NOT NULL,
  `attributes` TEXT,
  UNIQUE (`name`)
);

CREATE TABLE `entrytag` (
  `id_tag` INTEGER,
  `id_entry` BIGINT,
  PRIMARY KEY (`id_tag`, `id_entry`),
  FOREIGN KEY (`id_tag`) REFERENCES `tag` (`id`) ON DELETE CASCADE ON UPDATE CASCADE,
  FOREIGN KEY (`id_entry`) REFERENCES `entry` (`id`) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE INDEX entrytag_id_entry_index ON `entrytag` (`id_entry`);
