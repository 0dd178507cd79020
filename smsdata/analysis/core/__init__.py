"""What the questions share: the engine, grouping, provenance and statistics."""
