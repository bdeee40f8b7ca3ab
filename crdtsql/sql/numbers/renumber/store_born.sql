INSERT OR REPLACE INTO ${born} (k1, born_t, born_s, root_t, root_s, generation, was)
VALUES (:number, :born_t, :born_s, :root_t, :root_s, :generation, :was)
