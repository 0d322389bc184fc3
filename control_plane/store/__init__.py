"""PostgreSQL: embedded server, migrations, pool, change feed, and one repository per table family."""
