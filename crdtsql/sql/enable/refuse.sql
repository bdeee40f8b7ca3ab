SELECT RAISE(ABORT, ${message}) WHERE ${condition};
