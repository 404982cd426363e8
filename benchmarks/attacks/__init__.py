"""Attacks on the product, each repeated by one command in bounded time."""
