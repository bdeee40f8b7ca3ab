part.part = '' AND part.gone IS NULL AND part.n IS NULL
