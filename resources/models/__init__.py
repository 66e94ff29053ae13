"""Where trained models are kept. Each module has one adapter of `ports.ModelStore` or `ports.Checkpoints`."""
