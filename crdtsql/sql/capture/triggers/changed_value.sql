OLD.${column} COLLATE BINARY IS NOT NEW.${column}
