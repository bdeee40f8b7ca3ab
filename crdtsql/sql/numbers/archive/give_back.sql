INSERT OR IGNORE INTO ${born} (k1, born_t, born_s, root_t, root_s, generation)
VALUES (?1, ?2, ?3, ?2, ?3, 0)
