INSERT INTO Invoice (InvoiceId, CustomerId, InvoiceDate, Total)
VALUES (${number}, ${number}, '2026-01-01', ${cents} / 100.0)
