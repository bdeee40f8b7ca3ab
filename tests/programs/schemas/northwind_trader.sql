-- Northwind: customers, orders, employees; names with blanks.
-- Written down from Microsoft's page on the Northwind sample database and its diagram.
-- Simplified: fewer columns; the checks on prices and quantities are those of the original.

CREATE TABLE "Categories" (
  "CategoryID" INTEGER PRIMARY KEY AUTOINCREMENT,
  "CategoryName" TEXT NOT NULL,
  "Description" TEXT,
  "Picture" BLOB
);
CREATE UNIQUE INDEX "Category Name" ON "Categories" ("CategoryName");

CREATE TABLE "Customers" (
  "CustomerID" NCHAR(5) NOT NULL PRIMARY KEY CHECK (length("CustomerID") = 5),
  "CompanyName" NVARCHAR(40) NOT NULL,
  "Contact Name" NVARCHAR(30),
  "Country" NVARCHAR(15) DEFAULT 'Germany'
);

CREATE TABLE "CustomerDemographics" (
  "CustomerTypeID" NCHAR(10) NOT NULL PRIMARY KEY,
  "CustomerDesc" NTEXT
) WITHOUT ROWID;

CREATE TABLE "CustomerCustomerDemo" (
  "CustomerID" NCHAR(5) NOT NULL,
  "CustomerTypeID" NCHAR(10) NOT NULL,
  PRIMARY KEY ("CustomerID", "CustomerTypeID"),
  FOREIGN KEY ("CustomerID") REFERENCES "Customers" ("CustomerID") ON DELETE CASCADE ON UPDATE CASCADE,
  FOREIGN KEY ("CustomerTypeID") REFERENCES "CustomerDemographics" ("CustomerTypeID") ON DELETE NO ACTION ON UPDATE CASCADE
);

CREATE TABLE "Employees" (
  "EmployeeID" INTEGER PRIMARY KEY AUTOINCREMENT,
  "LastName" TEXT NOT NULL,
  "FirstName" TEXT NOT NULL,
  "BirthDate" DATE,
  "Reports To" INTEGER,
  "Notes" TEXT,
  FOREIGN KEY ("Reports To") REFERENCES "Employees" ("EmployeeID") ON DELETE NO ACTION ON UPDATE NO ACTION
);

CREATE TABLE "Shippers" (
  "ShipperID" INTEGER PRIMARY KEY AUTOINCREMENT,
  "CompanyName" TEXT NOT NULL,
  "Phone" TEXT
);
INSERT INTO "Shippers" VALUES (0, 'Own delivery', NULL), (1, 'Speedy Express', '(503) 555-9831');

CREATE TABLE "Products" (
  "ProductID" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  "ProductName" TEXT NOT NULL,
  "CategoryID" INTEGER REFERENCES "Categories" ("CategoryID") ON DELETE SET NULL,
  "UnitPrice" NUMERIC DEFAULT 0 CHECK ("UnitPrice" >= 0),
  "UnitsInStock" INTEGER DEFAULT 0 CHECK ("UnitsInStock" >= 0),
  "Reorder.Level" INTEGER DEFAULT 0,
  "Discontinued" TEXT NOT NULL DEFAULT '0'
);
CREATE UNIQUE INDEX "Products of one name" ON "Products" ("ProductName" COLLATE NOCASE) WHERE "Discontinued" = '0';

CREATE TABLE "Orders" (
  "OrderID" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  "CustomerID" NCHAR(5),
  "EmployeeID" INTEGER,
  "OrderDate" DATETIME,
  "Ship Via" INTEGER DEFAULT 0,
  "Freight" NUMERIC DEFAULT 0,
  "ShipName" TEXT,
  FOREIGN KEY ("CustomerID") REFERENCES "Customers" ("CustomerID") ON DELETE RESTRICT ON UPDATE CASCADE,
  FOREIGN KEY ("EmployeeID") REFERENCES "Employees" ("EmployeeID") ON DELETE SET NULL,
  FOREIGN KEY ("Ship Via") REFERENCES "Shippers" ("ShipperID") ON DELETE SET DEFAULT ON UPDATE SET DEFAULT
);

CREATE TABLE "Order Details" (
  "OrderID" INTEGER NOT NULL,
  "ProductID" INTEGER NOT NULL,
  "UnitPrice" NUMERIC NOT NULL DEFAULT 0,
  "Quantity" INTEGER NOT NULL DEFAULT 1,
  "Discount" REAL NOT NULL DEFAULT 0,
  "Total" NUMERIC AS ("UnitPrice" * "Quantity" * (1 - "Discount")) VIRTUAL,
  PRIMARY KEY ("OrderID", "ProductID"),
  CHECK ("Discount" >= 0 AND "Discount" <= 1),
  CHECK ("Quantity" > 0),
  CHECK ("UnitPrice" >= 0),
  FOREIGN KEY ("OrderID") REFERENCES "Orders" ("OrderID") ON DELETE CASCADE,
  FOREIGN KEY ("ProductID") REFERENCES "Products" ("ProductID") ON DELETE RESTRICT
);

CREATE TABLE "Regions" ("RegionID" INTEGER NOT NULL PRIMARY KEY, "RegionDescription" TEXT NOT NULL);

CREATE TABLE "Territories" (
  "TerritoryID" TEXT NOT NULL PRIMARY KEY,
  "TerritoryDescription" TEXT NOT NULL,
  "RegionID" INTEGER NOT NULL REFERENCES "Regions" ("RegionID") ON DELETE CASCADE
);

CREATE VIEW "Order Subtotals" AS
SELECT "OrderID", sum("Total") AS "Subtotal" FROM "Order Details" GROUP BY "OrderID";

CREATE VIEW "Products Above Average Price" AS
SELECT "ProductName", "UnitPrice" FROM "Products" WHERE "UnitPrice" > (SELECT avg("UnitPrice") FROM "Products");
