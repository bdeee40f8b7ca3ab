-- An issue tracker in the manner of Gitea and Redmine: users, repositories, issues, labels, pull requests.
-- Written down from the public model descriptions of Gitea (models/) and Redmine's data model page.
-- Simplified: unlike there, the references are declared, with the actions that the programs' own code takes; the counters that
-- Gitea keeps in its code are triggers.

CREATE TABLE "user" (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  lower_name TEXT NOT NULL,
  name TEXT NOT NULL,
  full_name TEXT NULL,
  email TEXT NOT NULL COLLATE NOCASE,
  is_admin INTEGER NULL CHECK (is_admin IN (0, 1)),
  num_repos INTEGER NOT NULL DEFAULT 0,
  CHECK (lower_name = lower(lower_name))
);
CREATE UNIQUE INDEX "UQE_user_lower_name" ON "user" (lower_name);
CREATE UNIQUE INDEX "UQE_user_email" ON "user" (email) WHERE email <> '';
INSERT INTO "user" (id, lower_name, name, email) VALUES (-1, 'ghost', 'Ghost', ''), (1, 'root', 'root', 'root@example.org');

CREATE TABLE repository (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  owner_id INTEGER NOT NULL REFERENCES "user" (id) ON DELETE RESTRICT ON UPDATE CASCADE,
  name TEXT NOT NULL,
  lower_name TEXT GENERATED ALWAYS AS (lower(name)) STORED,
  description TEXT NULL,
  fork_id INTEGER REFERENCES repository (id) ON DELETE SET NULL,
  num_issues INTEGER NOT NULL DEFAULT 0,
  is_private INTEGER DEFAULT 0
);
CREATE UNIQUE INDEX "UQE_repository_s" ON repository (owner_id, lower_name);

CREATE TABLE milestone (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  repo_id INTEGER NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
  name TEXT,
  deadline_unix INTEGER,
  completeness INTEGER DEFAULT 0 CHECK (completeness BETWEEN 0 AND 100)
);

CREATE TABLE issue (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  repo_id INTEGER NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
  "index" INTEGER NOT NULL,
  poster_id INTEGER NOT NULL DEFAULT -1 REFERENCES "user" (id) ON DELETE SET DEFAULT,
  assignee_id INTEGER REFERENCES "user" (id) ON DELETE SET NULL ON UPDATE SET NULL,
  milestone_id INTEGER REFERENCES milestone (id) ON DELETE SET NULL,
  name TEXT,
  content TEXT,
  is_closed INTEGER NOT NULL DEFAULT 0,
  closed_unix INTEGER,
  updated_unix INTEGER,
  CHECK (is_closed = 0 OR closed_unix IS NOT NULL)
);
CREATE UNIQUE INDEX "UQE_issue_repo_index" ON issue (repo_id, "index");

CREATE TABLE label (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  repo_id INTEGER NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  color TEXT NOT NULL DEFAULT '#000000',
  note TEXT
);
CREATE UNIQUE INDEX label_name ON label (repo_id, lower(name));

CREATE TABLE issue_label (
  issue_id INTEGER NOT NULL REFERENCES issue (id) ON DELETE CASCADE,
  label_id INTEGER NOT NULL REFERENCES label (id) ON DELETE CASCADE,
  PRIMARY KEY (issue_id, label_id)
) WITHOUT ROWID;

CREATE TABLE issue_dependency (
  issue_id INTEGER NOT NULL REFERENCES issue (id) ON DELETE CASCADE,
  dependency_id INTEGER NOT NULL REFERENCES issue (id) ON DELETE NO ACTION,
  created_unix INTEGER,
  PRIMARY KEY (issue_id, dependency_id),
  CHECK (issue_id <> dependency_id)
);

CREATE TABLE comment (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  issue_id INTEGER NOT NULL REFERENCES issue (id) ON DELETE CASCADE,
  poster_id INTEGER NOT NULL DEFAULT -1 REFERENCES "user" (id) ON DELETE SET DEFAULT ON UPDATE CASCADE,
  content TEXT,
  "old title" TEXT
);

CREATE TABLE pull_request (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  issue_id INTEGER NOT NULL UNIQUE REFERENCES issue (id) ON DELETE CASCADE,
  head_repo_id INTEGER REFERENCES repository (id) ON DELETE SET NULL,
  head_branch TEXT NOT NULL,
  base_branch TEXT NOT NULL DEFAULT 'main',
  note TEXT,
  has_merged INTEGER NOT NULL DEFAULT 0 CHECK (has_merged IN (0, 1))
);
CREATE UNIQUE INDEX one_open_pull ON pull_request (head_repo_id, head_branch, base_branch) WHERE has_merged = 0;

CREATE TABLE watch (
  user_id INTEGER NOT NULL REFERENCES "user" (id) ON DELETE CASCADE,
  repo_id INTEGER NOT NULL REFERENCES repository (id) ON DELETE CASCADE,
  mode INTEGER NOT NULL DEFAULT 1,
  PRIMARY KEY (repo_id, user_id)
);

CREATE TRIGGER repository_num_issues_up AFTER INSERT ON issue
BEGIN
  UPDATE repository SET num_issues = num_issues + 1 WHERE id = NEW.repo_id;
END;
CREATE TRIGGER repository_num_issues_down AFTER DELETE ON issue
BEGIN
  UPDATE repository SET num_issues = num_issues - 1 WHERE id = OLD.repo_id;
END;
CREATE TRIGGER issue_updated AFTER UPDATE OF name, content, is_closed ON issue
BEGIN
  UPDATE issue SET updated_unix = ifnull(updated_unix, 1700000000) + 1 WHERE id = NEW.id;
END;
