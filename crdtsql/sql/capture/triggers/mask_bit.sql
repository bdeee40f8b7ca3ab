((${changed}) << ${bit})
