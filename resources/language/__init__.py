"""Language models: OpenAI's own client, for its address and for those that speak as it does, and Ollama."""
