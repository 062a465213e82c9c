"""What customers and staff say, and what it moves."""
