"""What a message means for safety, and what a reply may say."""
