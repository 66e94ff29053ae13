"""What `make` calls. Like the composition root, commands read settings and see everything."""
