-- Each organisation has a database and two logins of its own, as docs/howto/production.md says: the owner makes the
-- tables, the application may add records and not change them. Neither enters the other organisation's database.
-- In earnest each organisation has a server of its own.
\set ON_ERROR_STOP on
\getenv luebeck LUEBECK_PASSWORD
\getenv novgorod NOVGOROD_PASSWORD

CREATE ROLE luebeck_owner LOGIN PASSWORD :'luebeck';
CREATE ROLE luebeck LOGIN PASSWORD :'luebeck';
CREATE DATABASE luebeck OWNER luebeck_owner ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE luebeck FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE luebeck TO luebeck;

CREATE ROLE novgorod_owner LOGIN PASSWORD :'novgorod';
CREATE ROLE novgorod LOGIN PASSWORD :'novgorod';
CREATE DATABASE novgorod OWNER novgorod_owner ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE novgorod FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE novgorod TO novgorod;

-- Nobody else needs the server's own databases, and its superuser comes in from within the container only.
REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC;
ALTER ROLE postgres PASSWORD NULL;
