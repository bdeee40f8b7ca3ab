-- complex is 1 where a side has several heads, more where each has one that the other does not know.
SELECT count(*), ifnull(max(complex = 1), 0), ifnull(max(complex > 1), 0) FROM ${met}
