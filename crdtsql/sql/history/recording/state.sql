CASE
    ${replaced}
    ${removed}
    ELSE shown.${column}
  END