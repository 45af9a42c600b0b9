"""The dashboard: a module a page, and what pages share."""
