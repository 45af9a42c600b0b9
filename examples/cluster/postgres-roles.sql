-- For an administrator, once, in the database that Penstock is to have: psql -d penstock -f schema.sql -f postgres-roles.sql
-- schema.sql lies in the package, in penstock/witness/postgres/. The password is set apart, and in no file: \password penstock
CREATE ROLE penstock LOGIN CONNECTION LIMIT 60;

GRANT USAGE ON SCHEMA penstock TO penstock;
GRANT SELECT ON penstock.version TO penstock;
GRANT SELECT, INSERT, UPDATE ON penstock.streams, penstock.leases, penstock.snapshots TO penstock;
GRANT SELECT, INSERT, UPDATE, DELETE ON penstock.messages TO penstock;
GRANT SELECT, INSERT, DELETE ON penstock.pieces TO penstock;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA penstock TO penstock;
