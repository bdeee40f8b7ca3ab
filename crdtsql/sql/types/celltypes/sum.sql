sum(ifnull(added, 0) - ifnull(taken, 0))
