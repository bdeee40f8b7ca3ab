(
    ${leads_nowhere}
    OR EXISTS (
      SELECT 1
      FROM ${parent} AS parent
      WHERE ${parent_is_meant}
        AND NOT EXISTS (
          SELECT 1
          FROM ${parent_clock} AS known
          WHERE ${parent_has_clock} AND (known.gone OR known.many OR known.held IS NOT NULL)
        )
    )
  )
