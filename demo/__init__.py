"""The chat: screened, answered, guarded, logged, shown."""
