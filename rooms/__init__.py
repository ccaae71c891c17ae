"""Rooms: people, what they say, and how it reaches every open page."""
