"""Who stays, who leaves, why, and who will leave next."""
