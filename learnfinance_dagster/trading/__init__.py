"""From weights to orders, to fills, to an equity mark: plain domain code for Mondays and for long replays alike."""
