"""News over the network: fetchers of Alpaca and Yahoo, and the archive that makes them resumable."""
