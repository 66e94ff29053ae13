"""Letters: the queue that keeps them, and the servers that carry them."""
