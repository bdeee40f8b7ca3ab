-- Sakila: a film rental, with references in a circle between shops and their managers.
-- Written down from MySQL's documentation "Sakila Sample Database", section Structure.
-- Simplified: ENUM and SET are checks; last_update is kept by triggers as in the ports to SQLite; the circle is deferred.

CREATE TABLE actor (
  actor_id INTEGER PRIMARY KEY,
  first_name VARCHAR(45) NOT NULL,
  last_name VARCHAR(45) NOT NULL,
  last_update TIMESTAMP NOT NULL DEFAULT '2006-02-15 04:34:33'
);
CREATE INDEX idx_actor_last_name ON actor (last_name);

CREATE TABLE category (
  category_id INTEGER PRIMARY KEY,
  name VARCHAR(25) NOT NULL UNIQUE,
  note VARCHAR(25)
);

CREATE TABLE film (
  film_id INTEGER PRIMARY KEY,
  title VARCHAR(255) NOT NULL,
  description BLOB SUB_TYPE TEXT DEFAULT NULL,
  release_year VARCHAR(4) DEFAULT NULL,
  original_film_id INTEGER REFERENCES film (film_id) ON DELETE SET NULL ON UPDATE CASCADE,
  rental_duration SMALLINT DEFAULT 3 NOT NULL CHECK (rental_duration > 0),
  rental_rate DECIMAL(4, 2) DEFAULT 4.99 NOT NULL,
  rating VARCHAR(10) DEFAULT 'G' CHECK (rating IN ('G', 'PG', 'PG-13', 'R', 'NC-17')),
  special_features VARCHAR(100) DEFAULT NULL,
  last_update TIMESTAMP NOT NULL DEFAULT '2006-02-15 05:03:42'
);

CREATE VIRTUAL TABLE film_text USING fts5 (title, special_features);
CREATE TRIGGER film_text_ai AFTER INSERT ON film
BEGIN
  INSERT INTO film_text (rowid, title, special_features) VALUES (NEW.film_id, NEW.title, NEW.special_features);
END;
CREATE TRIGGER film_text_au AFTER UPDATE ON film WHEN OLD.title IS NOT NEW.title OR OLD.film_id <> NEW.film_id
BEGIN
  DELETE FROM film_text WHERE rowid = OLD.film_id;
  INSERT INTO film_text (rowid, title, special_features) VALUES (NEW.film_id, NEW.title, NEW.special_features);
END;
CREATE TRIGGER film_text_ad AFTER DELETE ON film
BEGIN
  DELETE FROM film_text WHERE rowid = OLD.film_id;
END;

CREATE TABLE film_actor (
  actor_id INTEGER NOT NULL REFERENCES actor (actor_id) ON DELETE NO ACTION ON UPDATE CASCADE,
  film_id INTEGER NOT NULL REFERENCES film (film_id) ON DELETE NO ACTION ON UPDATE CASCADE,
  last_update TIMESTAMP,
  PRIMARY KEY (actor_id, film_id)
);

CREATE TABLE film_category (
  film_id INTEGER NOT NULL REFERENCES film (film_id) ON DELETE CASCADE ON UPDATE CASCADE,
  category_id SMALLINT NOT NULL REFERENCES category (category_id) ON DELETE RESTRICT ON UPDATE CASCADE,
  PRIMARY KEY (film_id, category_id)
) WITHOUT ROWID;

CREATE TABLE store (
  store_id INTEGER PRIMARY KEY,
  manager_staff_id INTEGER NOT NULL UNIQUE
    REFERENCES staff (staff_id) ON DELETE NO ACTION ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED,
  address VARCHAR(50)
);

CREATE TABLE staff (
  staff_id INTEGER PRIMARY KEY,
  first_name VARCHAR(45) NOT NULL,
  store_id INTEGER NOT NULL REFERENCES store (store_id) ON DELETE NO ACTION ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED,
  username VARCHAR(16) NOT NULL UNIQUE COLLATE NOCASE,
  active SMALLINT DEFAULT 1 NOT NULL CHECK (active IN (0, 1)),
  picture BLOB DEFAULT NULL
);

CREATE TABLE customer (
  customer_id INTEGER PRIMARY KEY,
  store_id INTEGER NOT NULL REFERENCES store (store_id) ON DELETE NO ACTION ON UPDATE CASCADE,
  first_name VARCHAR(45) NOT NULL,
  email VARCHAR(50) DEFAULT NULL,
  active CHAR(1) DEFAULT 'Y' NOT NULL,
  last_update TIMESTAMP
);

CREATE TABLE inventory (
  inventory_id INTEGER PRIMARY KEY,
  film_id INTEGER NOT NULL REFERENCES film (film_id) ON DELETE RESTRICT ON UPDATE CASCADE,
  store_id INTEGER NOT NULL REFERENCES store (store_id) ON DELETE CASCADE ON UPDATE CASCADE,
  shelf VARCHAR(10)
);

CREATE TABLE rental (
  rental_id INTEGER PRIMARY KEY,
  rental_date TIMESTAMP NOT NULL,
  inventory_id INTEGER NOT NULL REFERENCES inventory (inventory_id) ON DELETE CASCADE,
  customer_id INTEGER NOT NULL REFERENCES customer (customer_id) ON DELETE NO ACTION ON UPDATE CASCADE,
  return_date TIMESTAMP DEFAULT NULL,
  note VARCHAR(20)
);
CREATE UNIQUE INDEX idx_rental_uq ON rental (rental_date, inventory_id, customer_id);

CREATE TABLE payment (
  payment_id INTEGER PRIMARY KEY,
  customer_id INTEGER NOT NULL REFERENCES customer (customer_id) ON DELETE RESTRICT,
  rental_id INTEGER DEFAULT NULL REFERENCES rental (rental_id) ON DELETE SET NULL ON UPDATE CASCADE,
  amount DECIMAL(5, 2) NOT NULL CHECK (amount >= 0),
  note VARCHAR(20)
);

CREATE TRIGGER customer_last_update AFTER UPDATE OF store_id, first_name, email, active ON customer
BEGIN
  UPDATE customer SET last_update = datetime('now') WHERE customer_id = NEW.customer_id;
END;

CREATE VIEW film_list AS
SELECT film.film_id AS FID, film.title AS title, category.name AS category, film.rental_rate AS price
FROM category
LEFT JOIN film_category ON category.category_id = film_category.category_id
LEFT JOIN film ON film_category.film_id = film.film_id;

BEGIN;
INSERT INTO store VALUES (1, 1, 'High Street'), (2, 2, 'Low Street');
INSERT INTO staff (staff_id, first_name, store_id, username) VALUES (1, 'Mike', 1, 'Mike'), (2, 'Jon', 2, 'Jon');
COMMIT;
