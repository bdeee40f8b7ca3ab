INSERT INTO ${row}
SELECT * FROM unordered ORDER BY ${keys};
DROP TABLE unordered
