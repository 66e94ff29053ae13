"""Who may be held, and why."""
