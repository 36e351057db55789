"""What people read, in their language. The English text is the key."""
