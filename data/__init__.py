"""Everything kept: conversations, reviews, consent, audit, exports and public corpora."""
