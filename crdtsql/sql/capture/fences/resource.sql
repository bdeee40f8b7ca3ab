${name} || '/' || CASE typeof(${key}) WHEN 'blob' THEN quote(${key}) ELSE ${key} END
