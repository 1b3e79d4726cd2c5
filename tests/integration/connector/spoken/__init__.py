"""Venues' websocket dialects as their documents describe them, spoken by a real server on loopback."""
