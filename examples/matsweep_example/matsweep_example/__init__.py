"""Parts for matsweep, from outside of it."""
