"""The store on SQLite: three files, each with one writing process."""
