"""The wizard in the browser: one shell for all its addresses, and the files that it needs."""
