"""What must survive: the database, its schema and migrations, and the durable spool in front of it."""
