(
      ${new_t} > ${old_t}
      OR (
        ${new_t} = ${old_t}
        AND (SELECT id FROM temp._crdt_from WHERE remote = ${new_s}) > (SELECT id FROM _crdt_site WHERE ordinal = ${old_s})
      )
    )
