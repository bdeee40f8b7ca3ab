-- A double-entry ledger in the manner of GnuCash's SQL back end: accounts in a tree, transactions, splits, budgets.
-- Written down from the GnuCash wiki's page "SQL" and its diagram; keys are guids as there.
-- Simplified and tightened: references and rules that GnuCash keeps in its code are declared, with deferred checks, STRICT tables,
-- generated columns and an expression index.

CREATE TABLE commodities (
  guid TEXT PRIMARY KEY NOT NULL,
  namespace TEXT NOT NULL,
  mnemonic TEXT NOT NULL,
  fraction INTEGER NOT NULL DEFAULT 100 CHECK (fraction IN (1, 10, 100, 1000)),
  fullname TEXT,
  UNIQUE (namespace, mnemonic)
) STRICT;
INSERT INTO commodities VALUES ('eur', 'CURRENCY', 'EUR', 100, 'Euro'), ('usd', 'CURRENCY', 'USD', 100, 'US Dollar');

CREATE TABLE accounts (
  guid TEXT PRIMARY KEY NOT NULL,
  name TEXT NOT NULL,
  account_type TEXT NOT NULL CHECK (account_type IN ('ROOT', 'ASSET', 'BANK', 'EXPENSE', 'INCOME')),
  commodity_guid TEXT NOT NULL DEFAULT 'eur' REFERENCES commodities (guid) ON DELETE SET DEFAULT ON UPDATE CASCADE,
  parent_guid TEXT REFERENCES accounts (guid) ON DELETE RESTRICT ON UPDATE CASCADE,
  code TEXT,
  description TEXT,
  hidden INTEGER NOT NULL DEFAULT 0,
  placeholder ANY
) STRICT;
CREATE UNIQUE INDEX accounts_path ON accounts (ifnull(parent_guid, ''), lower(name));
CREATE UNIQUE INDEX accounts_code ON accounts (code COLLATE RTRIM) WHERE code IS NOT NULL AND NOT hidden;

CREATE TABLE transactions (
  guid TEXT PRIMARY KEY NOT NULL,
  currency_guid TEXT NOT NULL REFERENCES commodities (guid) ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED,
  num TEXT NOT NULL,
  post_date TEXT,
  description TEXT,
  reversed_by TEXT UNIQUE REFERENCES transactions (guid) ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED
) STRICT;

CREATE TABLE splits (
  guid TEXT PRIMARY KEY NOT NULL,
  tx_guid TEXT NOT NULL REFERENCES transactions (guid) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
  account_guid TEXT NOT NULL REFERENCES accounts (guid) ON DELETE NO ACTION ON UPDATE CASCADE,
  memo TEXT,
  value_num INTEGER NOT NULL,
  value_denom INTEGER NOT NULL DEFAULT 100 CHECK (value_denom > 0),
  value REAL GENERATED ALWAYS AS (value_num * 1.0 / value_denom) STORED,
  CHECK (value_num <> 0 OR memo IS NOT NULL)
) STRICT;
CREATE INDEX splits_account ON splits (account_guid, value);

CREATE TABLE budget_amounts (
  budget TEXT NOT NULL,
  account_guid TEXT NOT NULL REFERENCES accounts (guid) ON DELETE CASCADE ON UPDATE CASCADE,
  period_num INTEGER NOT NULL,
  amount_num INTEGER NOT NULL,
  note TEXT,
  PRIMARY KEY (budget, account_guid, period_num)
) STRICT, WITHOUT ROWID;

CREATE TABLE slots (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  obj_guid TEXT NOT NULL,
  name TEXT NOT NULL,
  string_val TEXT,
  int64_val INTEGER,
  UNIQUE (obj_guid, name)
) STRICT;

CREATE TABLE books (
  guid TEXT PRIMARY KEY NOT NULL,
  root_account_guid TEXT NOT NULL REFERENCES accounts (guid) DEFERRABLE INITIALLY DEFERRED,
  "period; of the book" TEXT
) STRICT;

CREATE TRIGGER no_splits_in_root BEFORE INSERT ON splits
WHEN (SELECT account_type FROM accounts WHERE guid = NEW.account_guid) = 'ROOT'
BEGIN
  SELECT RAISE(ABORT, 'the root account takes no splits');
END;
