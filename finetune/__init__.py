"""From reviewed pairs and public corpora to a LoRA adapter that passes a gate."""
