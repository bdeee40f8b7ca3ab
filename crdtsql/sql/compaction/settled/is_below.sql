(${t} & 4611686018427387903) <= ifnull((SELECT upto FROM temp._crdt_floor WHERE ordinal = ${s}), 0)
