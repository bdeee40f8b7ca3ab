(incoming.${word} >> ${bit}) & 1 AND ifnull(incoming.${s}, incoming.s) <> :site
