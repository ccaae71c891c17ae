"""Bringing what was said elsewhere: who said it, where, and when."""
