SELECT total(fresh), total(fresh AND gone IS NULL), total(NOT fresh)
FROM ${arrived}
