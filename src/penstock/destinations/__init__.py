"""Where events go: a package a destination."""
