"""The desk: clinicians rate, flag, correct and approve what the chat has shown."""
