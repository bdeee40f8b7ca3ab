CREATE TABLE IF NOT EXISTS main._crdt_claimed (
  -- Who works on what, as this file alone knows it; the last claim of each thing. It does not travel.
  resource TEXT NOT NULL PRIMARY KEY, -- what is claimed: table/key, or any other name
  token INTEGER NOT NULL UNIQUE, -- grows with every claim of anything in this file
  holder TEXT NOT NULL, -- who claimed it
  through TEXT NOT NULL, -- the name of the server's token with which it was claimed, "" if here
  site INTEGER NOT NULL, -- ordinal of the site that this file was then; a claim of another one counts no more
  state TEXT NOT NULL CHECK (state IN ('held', 'released', 'completed')),
  taken_ms INTEGER NOT NULL, -- when it was claimed
  until_ms INTEGER NOT NULL, -- when it lapses, as the machine's clock shows it
  length_ms INTEGER NOT NULL, -- for how long it was claimed, or renewed last
  boot TEXT NOT NULL, -- since which start of the machine up_ms counts, "" if that is not known
  up_ms INTEGER NOT NULL, -- how long the machine had been up when it was claimed or renewed
  nonce TEXT NOT NULL -- of the request, which may come twice
) WITHOUT ROWID
