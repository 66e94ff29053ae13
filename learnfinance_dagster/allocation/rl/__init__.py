"""Learned allocators: PPO and SAC on one forecaster's view of each name."""
