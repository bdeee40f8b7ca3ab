UPDATE ${met}
SET dot_t = old_dot_t, dot_s = old_dot_s, gone = old_gone
WHERE complex = 3
