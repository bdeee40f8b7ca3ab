CREATE TEMP TABLE _crdt_default (value ${declared} DEFAULT ${default}) ${strict}
