ifnull(incoming.${s} = :site AND (incoming.${t} & 4611686018427387903) > :seen, 0)
