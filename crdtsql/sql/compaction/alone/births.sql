(
        SELECT
          coalesce(born.born_t, _crdt_put_away_t(${table_id}, parent.${key_column}), known.t, ${genesis_t}) AS t,
          coalesce(born.born_s, _crdt_put_away_s(${table_id}, parent.${key_column}), known.s, ${genesis_s}) AS s
        FROM ${parent} AS parent
        LEFT JOIN ${clock} AS known ON known.k1 = parent.${key_column}
        LEFT JOIN ${born} AS born ON born.k1 = parent.${key_column}
        WHERE parent.${key_column} = +${number} AND known.gone IS NULL AND known.many IS NULL AND known.held IS NULL
      )
