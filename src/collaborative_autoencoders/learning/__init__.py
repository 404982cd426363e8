"""Fitting of networks and closed forms."""
