(((incoming.${word} >> ${incoming_bit}) & 1) << ${bit})
