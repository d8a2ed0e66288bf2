"""Durable stories. Each `run` reads as the business process; everything with an effect is an activity."""
