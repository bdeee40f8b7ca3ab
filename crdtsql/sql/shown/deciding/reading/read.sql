UPDATE ${candidate} AS candidate
SET ${settings}
FROM (
  SELECT
    mine.id AS id,
    ${found_values},
    row_number() OVER (PARTITION BY mine.id ORDER BY meant.rank) AS place
  FROM ${candidate} AS mine
  CROSS JOIN ${held} AS truth ON truth.id = mine.id
  JOIN (
    SELECT ending.rank AS rank, ${meant_values}, ${shown_values}
    FROM ${ends} AS ending
    CROSS JOIN ${parent} AS shown ON ${shown_is_end}
  ) AS meant ON ${meant_is_truth}
  WHERE mine.form = 0 AND ${none_else}
) AS found
WHERE candidate.form = 0 AND candidate.id = found.id AND found.place = 1 AND ${all_set}
