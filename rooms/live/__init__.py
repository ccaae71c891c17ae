"""What moves: the socket's consumer, the process's hub, presence, and the fragments they push."""
