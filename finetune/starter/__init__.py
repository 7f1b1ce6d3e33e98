"""The bundled starter model: its corpus, its recipe, its weights."""
