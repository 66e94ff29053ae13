"""What news and prices of Alpaca share: the address, the key, and that key's requests a minute."""

URL = "https://data.alpaca.markets"
NO_CREDENTIALS = "no credentials for Alpaca: set ALPACA_API_KEY and ALPACA_API_SECRET"
NEWS_A_MINUTE, PRICES_A_MINUTE = 150, 40
"""Requests, at most. Alpaca allows a key 200 a minute, and both may be asked at once."""
