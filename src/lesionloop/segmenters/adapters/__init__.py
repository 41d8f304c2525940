"""Segmenters that bring in what others made: trained networks, servers, commands and containers."""
