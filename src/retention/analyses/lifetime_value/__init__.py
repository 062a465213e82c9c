"""What a customer is worth, from contracts and from purchases."""
