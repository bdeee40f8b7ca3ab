sum(ifnull(write.new, 0) - ifnull(write.old, 0))
