total((met.${won} >> ${bit}) & 1), total((incoming.${word} >> ${incoming_bit}) & 1), total((met.${clash} >> ${bit}) & 1)
