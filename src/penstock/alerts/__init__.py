"""Told, not watched: looks of what inspect/ knows come in, messages to people go out; each problem is told once, and its end.

What is wrong, and when who is told of it, is decided in pure places (rules.py, episodes.py); alarm.py and sender.py do it.
"""
