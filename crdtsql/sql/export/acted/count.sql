SELECT count(*)
${lacked}
