(OLD.${column} COLLATE BINARY IS NOT NEW.${column} OR typeof(OLD.${column}) <> typeof(NEW.${column}))
