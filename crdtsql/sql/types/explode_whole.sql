SELECT cell.id AS id, '' AS part, cell.${value} AS v
FROM ${cells} AS cell
