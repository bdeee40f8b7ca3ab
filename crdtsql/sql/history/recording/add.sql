INSERT OR IGNORE INTO ${history} (at, site, op, ${kept_keys}, columns, seen, since, actor, session, run, note${value_columns})
SELECT
  step.hlc,
  site.id,
  ${op},
  ${step_keys},
  ${columns},
  ${seen},
  ${since},
  ${said}${values}
${source}
