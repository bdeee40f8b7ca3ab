-- A Ruby on Rails application: users, posts, comments of anything, and Active Storage.
-- Written down from the Rails guides (Active Storage, Active Record migrations, polymorphic associations).
-- Simplified: one application of four models; uniqueness of e-mail addresses over lower(), as the guides advise.

CREATE TABLE "schema_migrations" ("version" varchar NOT NULL PRIMARY KEY);
CREATE TABLE "ar_internal_metadata" (
  "key" varchar NOT NULL PRIMARY KEY,
  "value" varchar,
  "created_at" datetime(6) NOT NULL,
  "updated_at" datetime(6) NOT NULL
);

CREATE TABLE "users" (
  "id" integer PRIMARY KEY AUTOINCREMENT NOT NULL,
  "email" varchar NOT NULL,
  "name" varchar,
  "role" integer DEFAULT 0 NOT NULL,
  "invited_by_id" integer,
  "posts_count" integer DEFAULT 0 NOT NULL,
  CONSTRAINT "fk_rails_inviter" FOREIGN KEY ("invited_by_id") REFERENCES "users" ("id")
);
CREATE UNIQUE INDEX "index_users_on_lower_email" ON "users" (lower("email"));

CREATE TABLE "posts" (
  "id" integer PRIMARY KEY AUTOINCREMENT NOT NULL,
  "user_id" integer NOT NULL,
  "title" varchar NOT NULL,
  "slug" varchar NOT NULL,
  "body" text,
  "published" boolean DEFAULT FALSE NOT NULL,
  "settings" json DEFAULT '{}' NOT NULL CHECK (json_valid("settings")),
  "word_count" integer GENERATED ALWAYS AS (length("body")) VIRTUAL,
  CONSTRAINT "fk_rails_author" FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON DELETE CASCADE
);
CREATE UNIQUE INDEX "index_posts_on_slug" ON "posts" ("slug") WHERE "published";

CREATE TABLE "comments" (
  "id" integer PRIMARY KEY AUTOINCREMENT NOT NULL,
  "commentable_type" varchar NOT NULL,
  "commentable_id" integer NOT NULL,
  "author_id" integer,
  "body" text,
  CONSTRAINT "fk_rails_commenter" FOREIGN KEY ("author_id") REFERENCES "users" ("id") ON DELETE SET NULL
);
CREATE INDEX "index_comments_on_commentable" ON "comments" ("commentable_type", "commentable_id");

CREATE TABLE "active_storage_blobs" (
  "id" integer PRIMARY KEY AUTOINCREMENT NOT NULL,
  "key" varchar NOT NULL,
  "filename" varchar NOT NULL,
  "content_type" varchar,
  "metadata" text,
  "service_name" varchar NOT NULL,
  "byte_size" bigint NOT NULL,
  "checksum" varchar
);
CREATE UNIQUE INDEX "index_active_storage_blobs_on_key" ON "active_storage_blobs" ("key");

CREATE TABLE "active_storage_attachments" (
  "id" integer PRIMARY KEY AUTOINCREMENT NOT NULL,
  "name" varchar NOT NULL,
  "record_type" varchar NOT NULL,
  "record_id" bigint NOT NULL,
  "blob_id" bigint NOT NULL,
  CONSTRAINT "fk_rails_blob" FOREIGN KEY ("blob_id") REFERENCES "active_storage_blobs" ("id")
);
CREATE INDEX "index_active_storage_attachments_on_blob_id" ON "active_storage_attachments" ("blob_id");
CREATE UNIQUE INDEX "index_active_storage_attachments_uniqueness"
ON "active_storage_attachments" ("record_type", "record_id", "name", "blob_id");

CREATE TABLE "active_storage_variant_records" (
  "id" integer PRIMARY KEY AUTOINCREMENT NOT NULL,
  "blob_id" bigint NOT NULL,
  "variation_digest" varchar NOT NULL,
  CONSTRAINT "fk_rails_variant" FOREIGN KEY ("blob_id") REFERENCES "active_storage_blobs" ("id")
);
CREATE UNIQUE INDEX "index_active_storage_variant_records_uniqueness"
ON "active_storage_variant_records" ("blob_id", "variation_digest");

CREATE TABLE "posts_tags" (
  "post_id" integer NOT NULL REFERENCES "posts" ("id") ON DELETE CASCADE,
  "tag" varchar NOT NULL COLLATE NOCASE,
  PRIMARY KEY ("post_id", "tag")
);
