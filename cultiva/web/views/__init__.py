"""Staff screens, one file a subject."""
