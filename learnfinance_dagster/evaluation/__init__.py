"""How the accounts are doing, and how sure one may be of it."""
