(incoming.${word} >> ${bit}) & 1
