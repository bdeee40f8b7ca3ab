CASE WHEN typeof(noted.${key}) = 'text' THEN CAST(moved.new AS TEXT) ELSE moved.new END
