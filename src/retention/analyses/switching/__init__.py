"""What holds a customer: switching costs, bonds, price room, brands, wallet."""
