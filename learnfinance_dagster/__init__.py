"""What LearnFinance knows about investing, and the wiring that runs it on Dagster."""
