SELECT v AS value FROM ${parked} WHERE col = ${col}
