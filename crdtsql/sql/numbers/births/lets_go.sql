other.op = ${op} AND other.detail & ~${references} = 0
