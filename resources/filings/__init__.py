"""Filings from the network, each vendor an adapter of `ports.FilingsSource`."""
