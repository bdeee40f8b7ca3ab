(
      incoming.${ours} COLLATE BINARY IS NOT target.${column}
      OR typeof(incoming.${ours}) <> typeof(target.${column})
      -- 0.0 and -0.0 are equal, and no function of SQL tells one from the other.
      OR (incoming.${ours} = 0 AND typeof(incoming.${ours}) = 'real')
    )
