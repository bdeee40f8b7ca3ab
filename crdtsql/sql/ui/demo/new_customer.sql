INSERT INTO Customer (CustomerId, FirstName, LastName, Email, Country)
VALUES (${number}, 'Ada', ${last_name}, ${email}, 'Chile')
